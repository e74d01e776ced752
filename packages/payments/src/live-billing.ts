import { type Milliseconds, ms } from "@rivulet/primitives";

/** A second of live video, billed as 720p at 30 frames whatever its size: 1280 × 720 × 30. Source: payments 14.3. */
export const LIVE_UNITS_PER_SECOND = 27_648_000n;
/** Seconds that are paid before a stream begins and never given back: what the orchestrator lives on when a payment is late. */
export const LIVE_PREPAID_SECONDS = 60n;
/** Units of the first payment for a stream. */
export const LIVE_PREPAID_UNITS = LIVE_PREPAID_SECONDS * LIVE_UNITS_PER_SECOND;

const MICROSECONDS_PER_SECOND = 1_000_000n;

/** What a stretch of time amounts to. */
export interface BilledTime {
  /** Whole units. */
  readonly units: bigint;
  /** The time they stand for; what is left of the stretch belongs to the next one. */
  readonly covered: Milliseconds;
}

/**
 * Whole units in `elapsed`, rounded down. The clock of the bill moves by `covered`, so that nothing is billed twice and no
 * fraction is lost. Zero for time that goes backward. Source: payments 14.3.
 */
export function billTime(elapsed: Milliseconds, unitsPerSecond: bigint = LIVE_UNITS_PER_SECOND): BilledTime {
  const microseconds = elapsed <= 0 ? 0n : BigInt(Math.trunc(elapsed * 1000));
  const units = (microseconds * unitsPerSecond) / MICROSECONDS_PER_SECOND;
  const covered = (units * MICROSECONDS_PER_SECOND) / unitsPerSecond;
  return { units, covered: ms(Number(covered) / 1000) };
}
