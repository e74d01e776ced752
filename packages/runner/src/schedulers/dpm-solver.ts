import type { ModelSettings } from "../model-settings.ts";
import { noiseConfig, refuse } from "./config.ts";
import { indexOfSigma, interpolated, karrasSigmas, positiveSignalTable, sigmaTable } from "./noise-table.ts";
import { cleanOf, type Shares, variancePreserving } from "./prediction.ts";
import { at, mix, type Schedule } from "./schedule.ts";
import type { Scheduler } from "./scheduler.ts";
import { sigmaChoice } from "./sigma-schedule.ts";
import { roundHalfToEven, spacedTimestepsBeforeLast } from "./spacing.ts";

/** With fewer steps than this the last one is made at first order even when the run does not end without noise. */
const FEW_STEPS = 15;

/** DPM-Solver++ of second order, multistep, midpoint (Lu et al. 2022). Source: runner-and-models 7.6.8. */
export function dpmSolverScheduler(settings: ModelSettings): Scheduler {
  for (const key of ["thresholding", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas", "euler_at_final"])
    refuse(settings, key);
  settings.choice("algorithm_type", ["dpmsolver++"], "dpmsolver++");
  settings.choice("solver_type", ["midpoint"], "midpoint");
  const order = settings.number("solver_order", 2);
  if (order !== 1 && order !== 2) throw new RangeError(`scheduler setting solver_order must be 1 or 2: ${order}`);
  const lowersFinalOrder = settings.boolean("lower_order_final", true);
  const config = noiseConfig(settings, { spacing: "linspace" });
  const choice = sigmaChoice(settings);
  const table = sigmaTable(positiveSignalTable(config));
  return {
    plan: (steps): Schedule => {
      const spaced = spacedTimestepsBeforeLast(config, steps).map(roundHalfToEven);
      const levels = choice.isKarras
        ? karrasSigmas(choice.least ?? at(table, 0), choice.most ?? at(table, table.length - 1), steps)
        : spaced.map((timestep) => interpolated(table, timestep));
      const timesteps = choice.isKarras ? levels.map((sigma) => roundHalfToEven(indexOfSigma(table, sigma))) : spaced;
      const sigmas = [...levels, choice.endsAtLeast ? at(table, 0) : 0];
      const isFirstOrder = (index: number, done: number) =>
        order === 1 ||
        done === 0 ||
        (index === steps - 1 && ((lowersFinalOrder && steps < FEW_STEPS) || !choice.endsAtLeast));
      return {
        ...variancePreserving(timesteps, (index) => sharesAtSigma(at(sigmas, index))),
        takesNoise: () => false,
        step: (denoising, output) => {
          const { index, done } = denoising;
          const [sigma, nextSigma] = [at(sigmas, index), at(sigmas, index + 1)];
          const [here, there] = [sharesAtSigma(sigma), sharesAtSigma(nextSigma)];
          const clean = cleanOf(config.predictionType, here, denoising.sample, output);
          // The specification's α(1 − e^−h): with λ = −ln σ, e^−h is the quotient of the levels, 0 when none is left.
          const weight = there.signal * (1 - nextSigma / sigma);
          const [earlier] = denoising.history;
          const keep: readonly [number, Float32Array] = [there.noise / here.noise, denoising.sample];
          if (earlier === undefined || isFirstOrder(index, done))
            return { index: index + 1, done: done + 1, sample: mix(keep, [weight, clean]), history: [clean] };
          const ratio = Math.log(at(sigmas, index - 1) / sigma) / Math.log(sigma / nextSigma);
          const share = 1 / (2 * ratio);
          const sample = mix(keep, [weight * (1 + share), clean], [-weight * share, earlier]);
          return { index: index + 1, done: done + 1, sample, history: [clean] };
        },
      };
    },
  };
}

function sharesAtSigma(sigma: number): Shares {
  const signal = 1 / Math.sqrt(sigma * sigma + 1);
  return { signal, noise: sigma * signal };
}
