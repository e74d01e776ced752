import type { Branded } from "./brand.ts";

/** Whole wei. Never negative; a debt is an exact fraction below zero, not a negative `Wei`. */
export type Wei = Branded<bigint, "Wei">;

/** Throws `RangeError` for less than nothing. */
export function wei(value: bigint): Wei {
  if (value < 0n) throw new RangeError(`wei cannot be negative: ${value}`);
  return value as Wei;
}
