import { type Clock, linked, type Milliseconds, RivuletError } from "@rivulet/primitives";
import { type PreparedJob, scoreOf, timeAt } from "./prepared-job.ts";

/** Jobs remembered of each model: enough for a 95th percentile. */
const REMEMBERED = 64;
/** Below this many a percentile is a guess. */
const ENOUGH = 20;
const PERCENTILE = 0.95;
/** Models remembered; the one not used for longest goes first. */
const MAX_MODELS = 1000;

/**
 * When a second attempt begins beside the first: after the time in which 95 of 100 jobs of the model, if they were of
 * this job's size, have ended.
 */
export class Hedging {
  /** By model, how long its last jobs took by the measure of their size. */
  readonly #scores = new Map<string, number[]>();

  note(job: PreparedJob, took: Milliseconds): void {
    const key = keyOf(job);
    const scores = this.#scores.get(key) ?? [];
    this.#scores.delete(key);
    this.#scores.set(key, scores);
    scores.push(scoreOf(job, took));
    if (scores.length > REMEMBERED) scores.shift();
    for (const oldest of this.#scores.keys()) {
      if (this.#scores.size <= MAX_MODELS) break;
      this.#scores.delete(oldest);
    }
  }

  /** The 95th percentile, once enough jobs have been seen. */
  after(job: PreparedJob): Milliseconds | undefined {
    const scores = this.#scores.get(keyOf(job)) ?? [];
    if (scores.length < ENOUGH) return undefined;
    const sorted = scores.toSorted((a, b) => a - b);
    const at = sorted[Math.ceil(PERCENTILE * sorted.length) - 1];
    return at === undefined ? undefined : timeAt(job, at);
  }

  /** Resolves when a second attempt is due; never, until enough is known. */
  delay(job: PreparedJob, clock: Clock): (signal: AbortSignal) => Promise<void> {
    const after = this.after(job);
    return (signal) => (after === undefined ? aborted(signal) : clock.sleep(after, signal));
  }
}

/**
 * Two attempts at one thing: the second starts when `due` resolves and the first is still under way. The first good answer
 * wins and the other attempt is aborted. When the first fails before the second has started, or both fail, the first's
 * error is thrown.
 */
export async function hedged<T>(
  first: (signal: AbortSignal) => Promise<T>,
  second: (signal: AbortSignal) => Promise<T>,
  due: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<T> {
  using firstRun = linked(signal);
  using secondRun = linked(signal);
  using waiting = linked(signal);
  const lost = new RivuletError("request.cancelled", { reason: "the other attempt was faster" });
  let hasStarted = false;
  const one = first(firstRun.signal).finally(() => {
    if (!hasStarted) waiting.abort(lost);
  });
  const two = due(waiting.signal).then(() => {
    hasStarted = true;
    return second(secondRun.signal);
  });
  try {
    return await Promise.any([one, two]);
  } catch {
    return await one;
  } finally {
    waiting.abort(lost);
    firstRun.abort(lost);
    secondRun.abort(lost);
    await Promise.allSettled([one, two]);
  }
}

/** Never resolves; rejects with the signal's reason. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

function keyOf(job: PreparedJob): string {
  return `${job.pipeline.name} ${job.model}`;
}
