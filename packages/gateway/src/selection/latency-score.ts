import { type Milliseconds, minutes } from "@rivulet/primitives";

/** How fast an orchestrator has been at one pipeline and model: a smoothed score, smaller is better, and its age. */
export interface LatencyScore {
  readonly value: number;
  readonly at: Milliseconds;
}

/** The weight of the newest job: about the last six jobs decide. */
const NEWEST = 0.3;
/** After this long a score counts half: an orchestrator that was slow once is looked at again. */
export const HALF_LIFE = minutes(10);
/** Scores below this are equally good; it keeps logarithms finite. */
const SMALLEST = 1e-12;

/** A score after one more job. `sample` is the pipeline's latency score of that job. */
export function observed(before: LatencyScore | undefined, sample: number, at: Milliseconds): LatencyScore {
  const value = Math.max(SMALLEST, sample);
  return { value: before === undefined ? value : NEWEST * value + (1 - NEWEST) * before.value, at };
}

/** What a score is worth now: 0 for an unknown one, and ageing towards 0. */
export function scoreAt(score: LatencyScore | undefined, now: Milliseconds): number {
  return score === undefined ? 0 : score.value * 2 ** (-(now - score.at) / HALF_LIFE);
}

/**
 * A number that orders scores as `scoreAt` does, at any time: all scores age at one rate, so their order stands still
 * and a sorted structure need not be sorted again. Unknown comes first.
 */
export function rankOf(score: LatencyScore | undefined): number {
  return score === undefined ? Number.NEGATIVE_INFINITY : Math.log2(score.value) + score.at / HALF_LIFE;
}
