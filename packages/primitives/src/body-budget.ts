import { RivuletError } from "./errors.ts";

/**
 * How many bytes of requests may be in memory at once, all callers together: without it a few hundred uploads that are each
 * allowed would be more than a machine has.
 */
export class BodyBudget {
  readonly #bytes: number;
  #taken = 0;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  get taken(): number {
    return this.#taken;
  }

  /**
   * Room for one body, to be given back when the request has been answered. It grows with what arrives: what was only
   * announced, or comes slowly, takes nothing from others. A single body always finds room when nothing else is there.
   */
  open(): BodyRoom {
    let own = 0;
    return {
      add: (bytes) => {
        if (this.#taken > own && this.#taken + bytes > this.#bytes) throw new RivuletError("node.overloaded", {});
        this.#taken += bytes;
        own += bytes;
      },
      [Symbol.dispose]: () => {
        this.#taken -= own;
        own = 0;
      },
    };
  }
}

export interface BodyRoom extends Disposable {
  /** Takes room for more bytes of the body. Throws "node.overloaded". */
  add(bytes: number): void;
}
