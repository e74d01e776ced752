import type { Randomness } from "@rivulet/primitives";
import { seededRandomness } from "@rivulet/testkit";

/** All that happens by chance in a simulation: the same seed, the same world. */
export class Chance implements Randomness {
  readonly #randomness: Randomness;

  constructor(seed: number) {
    this.#randomness = seededRandomness(seed);
  }

  bytes(length: number): Uint8Array {
    return this.#randomness.bytes(length);
  }

  uniform(): number {
    return this.#randomness.uniform();
  }

  /** Whether something happens that does with this probability. */
  is(probability: number): boolean {
    return this.uniform() < probability;
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.uniform() * (high - low + 1));
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.between(0, items.length - 1)];
    if (item === undefined) throw new RangeError("nothing to pick from");
    return item;
  }
}
