import type { PredictionType } from "./config.ts";
import { begin, mix, type Schedule, type Term } from "./schedule.ts";

/** The two shares of a noisy sample: `signal · clean + noise · normal`. */
export interface Shares {
  readonly signal: number;
  readonly noise: number;
}

/** The shares at a training step whose signal power is `power`. */
export function sharesOf(power: number): Shares {
  return { signal: Math.sqrt(power), noise: Math.sqrt(1 - power) };
}

/** A clean sample with as much noise as its share says. */
export function noised(shares: Shares, clean: Float32Array, noise: Float32Array): Float32Array {
  return mix([shares.signal, clean], [shares.noise, noise]);
}

/** The clean sample that the model's output implies. */
export function cleanOf(
  type: PredictionType,
  shares: Shares,
  sample: Float32Array,
  output: Float32Array,
): Float32Array {
  switch (type) {
    case "epsilon":
      return mix([1 / shares.signal, sample], [-shares.noise / shares.signal, output]);
    case "v_prediction":
      return mix([shares.signal, sample], [-shares.noise, output]);
    case "sample":
      return output;
  }
}

/** The noise that the model's output implies; `clean` is what `cleanOf` says. */
export function noiseOf(
  type: PredictionType,
  shares: Shares,
  sample: Float32Array,
  output: Float32Array,
  clean: Float32Array,
): Float32Array {
  switch (type) {
    case "epsilon":
      return output;
    case "v_prediction":
      return mix([shares.signal, output], [shares.noise, sample]);
    case "sample":
      return mix([1 / shares.noise, sample], [-shares.signal / shares.noise, clean]);
  }
}

/** The same for a sample whose noise has standard deviation `sigma` beside an unscaled signal. */
export function cleanAtSigma(
  type: PredictionType,
  sigma: number,
  sample: Float32Array,
  output: Float32Array,
): Float32Array {
  const power = sigma * sigma + 1;
  const [ofSample, ofOutput]: readonly [Term, Term] =
    type === "epsilon"
      ? [
          [1, sample],
          [-sigma, output],
        ]
      : [
          [1 / power, sample],
          [-sigma / Math.sqrt(power), output],
        ];
  return type === "sample" ? output : mix(ofSample, ofOutput);
}

/** What the methods share whose states keep the scale of the training data at every noise level. */
export function variancePreserving(
  timesteps: readonly number[],
  sharesAt: (index: number) => Shares,
): Omit<Schedule, "takesNoise" | "step"> {
  return {
    timesteps,
    initNoiseSigma: 1,
    begin,
    scaleInput: ({ sample }) => sample,
    addNoise: (clean, noise, index) => noised(sharesAt(index), clean, noise),
  };
}
