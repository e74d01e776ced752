import { type Milliseconds, seconds } from "@rivulet/primitives";

/** Time to bring a model into memory, granted to every job since any job may be the first. */
export const LOADING_SECONDS = 60;

/** A deadline: loading, and the time the work itself may take. Source of the figures: nodes-and-operations 13. */
export function loadingAnd(workSeconds: number): Milliseconds {
  return seconds(LOADING_SECONDS + workSeconds);
}
