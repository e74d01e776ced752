import { Lease } from "@rivulet/primitives";

/** Those who want to be told. */
export class Listeners<Args extends readonly unknown[]> {
  readonly #listeners = new Set<(...args: Args) => void>();

  add(listener: (...args: Args) => void): Disposable {
    const own = (...args: Args) => listener(...args);
    this.#listeners.add(own);
    return new Lease(() => this.#listeners.delete(own));
  }

  tell(...args: Args): void {
    for (const listener of this.#listeners) listener(...args);
  }
}
