import { RivuletError } from "@rivulet/primitives";

/** Overflow spreads: a sum that is finite is a picture that is. */
export function refuseNonFinite(sum: number, what: string): void {
  if (!Number.isFinite(sum))
    throw new RivuletError("runner.failed", {
      reason: `the model's ${what} are not finite numbers: its files are damaged, or too coarse for its values`,
    });
}
