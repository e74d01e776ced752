import { Lease, RivuletError } from "@rivulet/primitives";

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
   * Room for a body of at most `bytes`, to be given back when the request has been answered. A single body always finds room
   * when nothing else is there. Throws "node.overloaded".
   */
  take(bytes: number): Lease {
    if (this.#taken > 0 && this.#taken + bytes > this.#bytes) throw new RivuletError("node.overloaded", {});
    this.#taken += bytes;
    return new Lease(() => {
      this.#taken -= bytes;
    });
  }
}
