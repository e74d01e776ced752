import type { WhisperSettings } from "./whisper-settings.ts";

/** What the rules look at. */
type RuleSettings = Pick<WhisperSettings, "end" | "noTimestamps" | "latestBegin">;

/**
 * Rules out what may not come next in an answer with times, by setting it to minus infinity: times come in pairs, except
 * right before the end; they never go back; the answer begins with one, near the beginning; and when any time at all is
 * likelier than every text, it must be one. `said` is the answer so far. Source: runner-and-models 7.11.
 *
 * Transformers.js has such rules as well, but lets times go back and the first one lie anywhere.
 */
export function ruleOutTimes(logits: Float32Array, said: readonly number[], settings: RuleSettings): void {
  const { end, noTimestamps, latestBegin } = settings;
  const first = noTimestamps + 1;
  const forbid = (from: number, to: number) => logits.fill(Number.NEGATIVE_INFINITY, from, to);
  const isTime = (token: number | undefined) => token !== undefined && token >= first;
  forbid(noTimestamps, first);
  const wasTime = isTime(said.at(-1));
  const wasPair = said.length < 2 || isTime(said.at(-2));
  if (wasTime) wasPair ? forbid(first, logits.length) : forbid(0, end);
  const last = said.findLast(isTime);
  // The end of one sentence may be the beginning of the next, but no sentence may last no time.
  if (last !== undefined) forbid(first, wasTime && !wasPair ? last : last + 1);
  if (said.length === 0) {
    forbid(0, first);
    forbid(first + latestBegin + 1, logits.length);
  }
  if (sumOfLogs(logits, first, logits.length) > largest(logits, 0, first)) forbid(0, first);
}

// A vocabulary is long: loops over places are ten times as fast as those over values.

/** The logarithm of the sum of what the values from one place to another are logarithms of. */
function sumOfLogs(values: Float32Array, from: number, to: number): number {
  const most = largest(values, from, to);
  if (most === Number.NEGATIVE_INFINITY) return most;
  let sum = 0;
  for (let at = from; at < to; at++) sum += Math.exp((values[at] ?? 0) - most);
  return most + Math.log(sum);
}

function largest(values: Float32Array, from: number, to: number): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let at = from; at < to; at++) {
    const value = values[at] ?? 0;
    if (value > most) most = value;
  }
  return most;
}
