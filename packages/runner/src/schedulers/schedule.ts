/**
 * A plan for one denoising: when the model is asked, how its input is scaled, and how an answer moves the sample on.
 *
 * Everything is a function of its arguments. The flow is `begin`, then for each state `scaleInput`, the model, `step`,
 * until the state's index has run past the timesteps.
 */
export interface Schedule {
  /** What the model is told at each evaluation, in running order. */
  readonly timesteps: readonly number[];
  /** The factor that pure noise is multiplied with before the first evaluation. */
  readonly initNoiseSigma: number;
  /** Where a denoising stands before the evaluation at `index`, which is 0 unless it starts from a picture. */
  begin(sample: Float32Array, index?: number): Denoising;
  /** What the model is shown of the sample. */
  scaleInput(denoising: Denoising): Float32Array;
  /** Whether the step at this index adds fresh noise. */
  takesNoise(index: number): boolean;
  /** Where the denoising stands after the model's answer. `noise` is looked at only where `takesNoise` says so. */
  step(denoising: Denoising, output: Float32Array, noise?: Float32Array): Denoising;
  /** A clean sample with as much noise as the evaluation at `index` expects. */
  addNoise(clean: Float32Array, noise: Float32Array, index: number): Float32Array;
}

/** Where a denoising stands. Never changed: a step makes the next one. */
export interface Denoising {
  /** The evaluation that comes next. */
  readonly index: number;
  readonly sample: Float32Array;
  /** Evaluations made since `begin`. */
  readonly done: number;
  /** What a multistep method keeps of earlier answers, newest last. */
  readonly history: readonly Float32Array[];
  /** The sample a method wants to come back to. */
  readonly anchor?: Float32Array;
}

export function begin(sample: Float32Array, index = 0): Denoising {
  return { index, sample, done: 0, history: [] };
}

/** The next state when nothing is kept but the sample. */
export function advance(denoising: Denoising, sample: Float32Array): Denoising {
  return { index: denoising.index + 1, sample, done: denoising.done + 1, history: [] };
}

/** One term of a weighted sum. */
export type Term = readonly [weight: number, values: Float32Array];

/** The weighted sum of two or three vectors of equal length: all that most methods do. */
export function mix([a, x]: Term, [b, y]: Term, third?: Term): Float32Array {
  const sum = new Float32Array(x.length);
  if (third === undefined) for (let i = 0; i < sum.length; i++) sum[i] = a * (x[i] ?? 0) + b * (y[i] ?? 0);
  else {
    const [c, z] = third;
    for (let i = 0; i < sum.length; i++) sum[i] = a * (x[i] ?? 0) + b * (y[i] ?? 0) + c * (z[i] ?? 0);
  }
  return sum;
}

/** A loop, as in `mix`: `map` takes several times as long. */
export function scaled(factor: number, values: Float32Array): Float32Array {
  if (factor === 1) return values;
  const result = new Float32Array(values.length);
  for (let i = 0; i < result.length; i++) result[i] = (values[i] ?? 0) * factor;
  return result;
}

export function clipped(values: Float32Array, range: number): Float32Array {
  return values.map((value) => Math.min(range, Math.max(-range, value)));
}

/** An element that the caller knows to be there. */
export function at(values: ArrayLike<number>, index: number): number {
  const value = values[index];
  if (value === undefined) throw new RangeError(`no element ${index} of ${values.length}`);
  return value;
}
