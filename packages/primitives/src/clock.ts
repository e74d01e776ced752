import type { Milliseconds } from "./time.ts";

/** Time, handed in. The real one is in `@rivulet/node`, a hand-moved one in the test kit. */
export interface Clock {
  /** Wall time since the Unix epoch: for dates that leave the process. */
  now(): Milliseconds;
  /** Time that only moves forward, in fractions of a millisecond: for measuring. */
  monotonic(): Milliseconds;
  /** Resolves after `duration`; rejects with the signal's reason when it aborts first. */
  sleep(duration: Milliseconds, signal?: AbortSignal): Promise<void>;
  /** Calls `ring` after `duration`, unless it is disposed first: what limits have, which hardly ever come to pass. */
  alarm(duration: Milliseconds, ring: () => void): Disposable;
}
