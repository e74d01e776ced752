import type { RunContext } from "../implementation.ts";

/** Seeds that are drawn here have 32 bits. Source: runner-and-models 1.2.6. */
const SEEDS = 2 ** 32;

/** The seed of a request that names none. */
export function drawnSeed({ randomness }: RunContext): number {
  return Math.floor(randomness.uniform() * SEEDS);
}
