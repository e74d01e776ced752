import type { ModelSettings } from "../model-settings.ts";
import { noiseConfig, refuse } from "./config.ts";
import { cleanAtSigma } from "./prediction.ts";
import { advance, at, mix, type Schedule } from "./schedule.ts";
import type { Scheduler } from "./scheduler.ts";
import { sigmaChoice, sigmaSchedule } from "./sigma-schedule.ts";

/** Euler's method on noise levels (Karras et al. 2022, algorithm 2 without churn). Source: runner-and-models 7.6.3. */
export function eulerScheduler(settings: ModelSettings): Scheduler {
  for (const key of ["use_exponential_sigmas", "use_beta_sigmas"]) refuse(settings, key);
  settings.choice("interpolation_type", ["linear"], "linear");
  const config = noiseConfig(settings, { spacing: "linspace" });
  const choice = sigmaChoice(settings);
  return {
    plan: (steps): Schedule => {
      const { sigmas, onSigmas } = sigmaSchedule(config, steps, choice);
      return {
        ...onSigmas,
        takesNoise: () => false,
        step: (denoising, output) => {
          const sigma = at(sigmas, denoising.index);
          const clean = cleanAtSigma(config.predictionType, sigma, denoising.sample, output);
          // The sample moves along (sample − clean) / σ from this level to the next.
          const share = at(sigmas, denoising.index + 1) / sigma;
          return advance(denoising, mix([share, denoising.sample], [1 - share, clean]));
        },
      };
    },
  };
}
