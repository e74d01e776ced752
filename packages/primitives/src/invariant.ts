/** A broken assumption of ours: a bug to stop at, never an error to treat. */
export class BrokenInvariant extends Error {
  override readonly name = "BrokenInvariant";
}

/** Stops at a broken assumption of our own code. The world misbehaving is a `RivuletError` instead. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new BrokenInvariant(message);
}
