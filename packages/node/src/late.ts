import { invariant, type Startable } from "@rivulet/primitives";

/** Something that can only be made when what it needs has started. */
export class Late<T extends Startable> implements Startable {
  readonly #make: () => T;
  #made: T | undefined;

  constructor(make: () => T) {
    this.#make = make;
  }

  /** Only once it is made, at the latest when it starts. */
  get made(): T {
    invariant(this.#made !== undefined, "what is made late is there once it has started");
    return this.#made;
  }

  /** Makes it ahead of time. Throws what is wrong with it. */
  make(): T {
    this.#made ??= this.#make();
    return this.#made;
  }

  async start(): Promise<void> {
    await this.make().start();
  }

  async stop(): Promise<void> {
    await this.#made?.stop();
  }
}
