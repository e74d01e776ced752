import type { NoiseConfig } from "./config.ts";
import { at } from "./schedule.ts";

/** The signal that a model trained down to nothing is taken to keep, where a method divides by it. */
const LEAST_SIGNAL = 2 ** -24;

/**
 * The share of signal power that is left after each training step: the running product of 1 − β.
 * Source: runner-and-models 7.6.1.
 */
export function signalTable(config: NoiseConfig): Float64Array {
  const table = new Float64Array(config.trainTimesteps);
  const beta = betaOf(config);
  let product = 1;
  for (let i = 0; i < table.length; i++) table[i] = product *= 1 - beta(i);
  return config.isZeroSnr ? rescaled(table) : table;
}

/** The same, never zero: for methods that divide by the signal. */
export function positiveSignalTable(config: NoiseConfig): Float64Array {
  const table = signalTable(config);
  if (config.isZeroSnr) table[table.length - 1] = LEAST_SIGNAL;
  return table;
}

/** Noise over signal after each training step. */
export function sigmaTable(signal: Float64Array): Float64Array {
  return signal.map((share) => Math.sqrt((1 - share) / share));
}

/** The table's value at a fractional index, on a straight line between its neighbours. */
export function interpolated(table: Float64Array, index: number): number {
  const low = Math.min(Math.max(Math.floor(index), 0), table.length - 1);
  const high = Math.min(low + 1, table.length - 1);
  return at(table, low) + (at(table, high) - at(table, low)) * Math.min(Math.max(index - low, 0), 1);
}

/** The fractional index at which an ascending table reaches `sigma`, on a straight line in its logarithm. */
export function indexOfSigma(table: Float64Array, sigma: number): number {
  let low = 0;
  while (low < table.length - 2 && at(table, low + 1) <= sigma) low++;
  const from = Math.log(at(table, low));
  const to = Math.log(at(table, low + 1));
  return low + Math.min(1, Math.max(0, (Math.log(sigma) - from) / (to - from)));
}

const KARRAS_RHO = 7;

/** Noise levels after Karras et al. 2022, equation 5, without the final zero. */
export function karrasSigmas(least: number, most: number, count: number): number[] {
  const from = most ** (1 / KARRAS_RHO);
  const to = least ** (1 / KARRAS_RHO);
  return Array.from(
    { length: count },
    (_, i) => (from + (count === 1 ? 0 : i / (count - 1)) * (to - from)) ** KARRAS_RHO,
  );
}

function betaOf(config: NoiseConfig): (index: number) => number {
  const { betas } = config;
  if (!("schedule" in betas)) return (index) => at(betas, index);
  const last = config.trainTimesteps - 1;
  const { start, end } = betas;
  switch (betas.schedule) {
    case "linear":
      return (index) => start + (index * (end - start)) / last;
    case "scaled_linear":
      return (index) => (Math.sqrt(start) + (index * (Math.sqrt(end) - Math.sqrt(start))) / last) ** 2;
    case "squaredcos_cap_v2":
      return (index) =>
        Math.min(1 - cosine((index + 1) / config.trainTimesteps) / cosine(index / config.trainTimesteps), 0.999);
  }
}

/** The signal left at a fraction of the way. Source: Nichol and Dhariwal 2021, equation 17. */
function cosine(fraction: number): number {
  return Math.cos(((fraction + 0.008) / 1.008) * (Math.PI / 2)) ** 2;
}

/** Shifted and stretched so that the last step has no signal and the first is unchanged. Source: Lin et al. 2023. */
function rescaled(table: Float64Array): Float64Array {
  const first = Math.sqrt(at(table, 0));
  const last = Math.sqrt(at(table, table.length - 1));
  return table.map((share) => (((Math.sqrt(share) - last) * first) / (first - last)) ** 2);
}
