import { readFileSync } from "node:fs";

/** A golden file: where its numbers come from, how they are to be read, and the cases. */
export interface Vectors<Case> {
  readonly source: string;
  readonly how: string;
  /** How far a number may lie from the expected one, absolute below 1 and relative above. */
  readonly tolerance: number;
  readonly cases: readonly Case[];
}

/** The golden file `vectors/runner/NAME.json`. */
export function vectors<Case>(name: string): Vectors<Case> {
  const file = new URL(`../../../vectors/runner/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8"));
}

/** The largest distance between two lists, relative to numbers beyond 1. Lists of different length are infinitely apart. */
export function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let most = 0;
  for (let i = 0; i < actual.length; i++) {
    const [a, e] = [actual[i] ?? Number.NaN, expected[i] ?? Number.NaN];
    const apart = Math.abs(a - e) / Math.max(1, Math.abs(e));
    most = Number.isNaN(apart) ? Number.POSITIVE_INFINITY : Math.max(most, apart);
  }
  return most;
}
