/** How the next token is chosen. */
export interface Sampling {
  /** How freely; 0 takes the likeliest. */
  readonly temperature: number;
  /** Among how many of the likeliest; less than 1 is all. */
  readonly topK: number;
  /** Among the fewest of the likeliest that have this much probability together. */
  readonly topP: number;
}

/**
 * Chooses a token: temperature, then the likeliest `topK`, then the fewest of them that make up `topP`, then by chance.
 * `uniform` gives numbers in [0, 1). Source: runner-and-models 7.15.
 */
export function chooseToken(logits: Float32Array, sampling: Sampling, uniform: () => number): number {
  const { temperature, topK, topP } = sampling;
  if (temperature === 0) return likeliest(logits);
  const all = topK < 1 || topK >= logits.length;
  if (all && topP >= 1) return drawn(logits, temperature, uniform());
  const order = Array.from(logits.keys()).sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0));
  const kept = all ? order : order.slice(0, topK);
  const weights = softmax(kept.map((id) => (logits[id] ?? 0) / temperature));
  const last = lastOf(weights, topP);
  const share = weights.slice(0, last + 1).reduce((sum, weight) => sum + weight, 0);
  let left = uniform() * share;
  for (let i = 0; i < last; i++) {
    left -= weights[i] ?? 0;
    if (left < 0) return kept[i] ?? 0;
  }
  return kept[last] ?? 0;
}

/** The token with the largest number, the first of equals. */
export function likeliest(logits: Float32Array): number {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if ((logits[id] ?? 0) > (logits[best] ?? 0)) best = id;
  return best;
}

/** By chance among all, without sorting them. */
function drawn(logits: Float32Array, temperature: number, chance: number): number {
  const most = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  let sum = 0;
  for (const logit of logits) sum += Math.exp((logit - most) / temperature);
  let left = chance * sum;
  for (let id = 0; id < logits.length; id++) {
    left -= Math.exp(((logits[id] ?? 0) - most) / temperature);
    if (left < 0) return id;
  }
  return logits.length - 1;
}

function softmax(values: readonly number[]): readonly number[] {
  const most = values[0] ?? 0;
  const raised = values.map((value) => Math.exp(value - most));
  const sum = raised.reduce((a, b) => a + b, 0);
  return raised.map((value) => value / sum);
}

/** The first place, from the likeliest on, at which `share` is reached. */
function lastOf(weights: readonly number[], share: number): number {
  let sum = 0;
  const found = weights.findIndex((weight) => (sum += weight) >= share);
  return found < 0 ? weights.length - 1 : found;
}
