import type { Startable } from "./startable.ts";

/**
 * Several things with a life as one. They start in order, each when the ones before can be used, and stop in the opposite
 * order; one that fails to stop does not keep the others from stopping.
 */
export class Sequence implements Startable {
  readonly #parts: readonly Startable[];
  readonly #begun: Startable[] = [];
  #stopping: Promise<void> | undefined;
  #isStopping = false;

  constructor(parts: readonly Startable[]) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    for (const part of this.#parts) {
      if (this.#isStopping) return;
      this.#begun.push(part);
      await part.start();
    }
  }

  stop(): Promise<void> {
    this.#isStopping = true;
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #stopAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const part of this.#begun.toReversed()) {
      try {
        await part.stop();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures);
  }
}
