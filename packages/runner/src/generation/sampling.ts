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
 * Chooses tokens: temperature, then the likeliest `topK`, then the fewest of them that make up `topP`, then by chance.
 * `uniform` gives numbers in [0, 1). Source: runner-and-models 7.15.
 */
export class Sampler {
  readonly #sampling: Sampling;
  readonly #uniform: () => number;
  #weights = new Float64Array();

  constructor(sampling: Sampling, uniform: () => number) {
    this.#sampling = sampling;
    this.#uniform = uniform;
  }

  choose(logits: Float32Array): number {
    const { temperature, topK, topP } = this.#sampling;
    const best = likeliest(logits);
    if (temperature === 0) return best;
    if (this.#weights.length !== logits.length) this.#weights = new Float64Array(logits.length);
    const weights = this.#weights;
    const most = logits[best] ?? 0;
    for (let id = 0; id < weights.length; id++) weights[id] = Math.exp(((logits[id] ?? 0) - most) / temperature);
    const places = topK < 1 ? weights.length : Math.min(topK, weights.length);
    if (places < weights.length || topP < 1) leaveOut(weights, places, topP);
    return drawn(weights, this.#uniform());
  }
}

/** The token with the largest number, the first of equals. */
export function likeliest(logits: Float32Array): number {
  let best = 0;
  let most = logits[0] ?? 0;
  for (let id = 1; id < logits.length; id++) {
    const logit = logits[id] ?? 0;
    if (logit > most) {
      best = id;
      most = logit;
    }
  }
  return best;
}

/** Leaves nothing of all but the largest weights: so many at most, and no more than make up a share of those. */
function leaveOut(weights: Float64Array, places: number, share: number): void {
  const isAll = places === weights.length;
  const enough = isAll ? share * sumOf(weights) : Number.NaN;
  const few = largestOf(weights, (found) => (isAll ? sumOf(found) >= enough : found.length >= places)).subarray(
    0,
    places,
  );
  const kept = countUpTo(few, isAll ? enough : share * sumOf(few));
  const least = few[kept - 1] ?? 0;
  let equals = kept - few.indexOf(least);
  for (let id = 0; id < weights.length; id++) {
    const weight = weights[id] ?? 0;
    if (weight < least) weights[id] = 0;
    // Of equals the first are kept.
    else if (weight === least) {
      if (equals <= 0) weights[id] = 0;
      equals -= 1;
    }
  }
}

/** How large weights are at least that are looked at first, next and so on, and then all: the largest is 1. */
const LEAST = [2 ** -4, 2 ** -8, 2 ** -16, 2 ** -32, 0] as const;

/** The largest weights, falling: enough of them, or all. Putting all 150,000 of a vocabulary in order takes long. */
function largestOf(weights: Float64Array, isEnough: (found: ArrayLike<number>) => boolean): Float64Array {
  let found: readonly number[] = [];
  for (const least of LEAST) {
    found = atLeast(weights, least);
    if (isEnough(found)) break;
  }
  return Float64Array.from(found).sort().reverse();
}

function atLeast(weights: Float64Array, least: number): readonly number[] {
  const found: number[] = [];
  for (let id = 0; id < weights.length; id++) {
    const weight = weights[id] ?? 0;
    if (weight >= least) found.push(weight);
  }
  return found;
}

/** How many, from the first on, are a sum together; at least one, and all when they never are. */
function countUpTo(weights: Float64Array, sum: number): number {
  let left = sum;
  const last = weights.findIndex((weight) => (left -= weight) <= 0);
  return last < 0 ? weights.length : last + 1;
}

/** A place by chance, each as likely as its weight. What rounding leaves goes to the last that can be at all. */
function drawn(weights: Float64Array, chance: number): number {
  let left = chance * sumOf(weights);
  let last = 0;
  for (let id = 0; id < weights.length; id++) {
    const weight = weights[id] ?? 0;
    if (weight === 0) continue;
    last = id;
    left -= weight;
    if (left < 0) break;
  }
  return last;
}

function sumOf(weights: ArrayLike<number>): number {
  let sum = 0;
  for (let id = 0; id < weights.length; id++) sum += weights[id] ?? 0;
  return sum;
}
