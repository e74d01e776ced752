import { RivuletError } from "@rivulet/primitives";

/** Throws "runner.failed" for numbers that have overflowed: a sum is finite only where all of them are. */
export function refuseNonFinite(values: Float32Array, what: string): void {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] ?? 0;
  if (!Number.isFinite(sum))
    throw new RivuletError("runner.failed", {
      reason: `the model's ${what} are not finite numbers: its files are damaged, or too coarse for its values`,
    });
}
