import { type Milliseconds, ms, type Randomness } from "@rivulet/primitives";

/** Source: wire-protocol 5.1. */
const FIRST = 500;
const GROWTH = 1.5;
const JITTER = 0.5;
const LONGEST = 60_000;

/** Waiting times that grow, for ever, each up to half shorter or longer so that many do not come at once. */
export class Backoff {
  readonly #randomness: Randomness;
  #next = FIRST;

  constructor(randomness: Randomness) {
    this.#randomness = randomness;
  }

  next(): Milliseconds {
    const wait = this.#next;
    this.#next = Math.min(LONGEST, wait * GROWTH);
    return ms(wait * (1 - JITTER + 2 * JITTER * this.#randomness.uniform()));
  }

  reset(): void {
    this.#next = FIRST;
  }
}
