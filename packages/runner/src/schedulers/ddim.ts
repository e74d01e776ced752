import type { ModelSettings } from "../model-settings.ts";
import { clipRange, noiseConfig, refuse } from "./config.ts";
import { signalTable } from "./noise-table.ts";
import { cleanOf, noiseOf, sharesOf, variancePreserving } from "./prediction.ts";
import { advance, at, clipped, mix, type Schedule } from "./schedule.ts";
import type { Scheduler } from "./scheduler.ts";
import { roundHalfToEven, spacedTimesteps } from "./spacing.ts";

/** Deterministic denoising diffusion implicit models (Song et al. 2020, η = 0). Source: runner-and-models 7.6.5. */
export function ddimScheduler(settings: ModelSettings): Scheduler {
  refuse(settings, "thresholding");
  const config = noiseConfig(settings, { spacing: "leading" });
  const clip = clipRange(settings, true);
  const signal = signalTable(config);
  const finalSignal = settings.boolean("set_alpha_to_one", true) ? 1 : at(signal, 0);
  return {
    plan: (steps): Schedule => {
      const timesteps = spacedTimesteps(config, steps).map(roundHalfToEven);
      const stride = Math.floor(config.trainTimesteps / steps);
      return {
        ...variancePreserving(timesteps, (index) => sharesOf(at(signal, at(timesteps, index)))),
        takesNoise: () => false,
        step: (denoising, output) => {
          const timestep = at(timesteps, denoising.index);
          const here = sharesOf(at(signal, timestep));
          const next = sharesOf(timestep < stride ? finalSignal : at(signal, timestep - stride));
          const implied = cleanOf(config.predictionType, here, denoising.sample, output);
          const clean = clip === undefined ? implied : clipped(implied, clip);
          const noise = noiseOf(config.predictionType, here, denoising.sample, output, clean);
          return advance(denoising, mix([next.signal, clean], [next.noise, noise]));
        },
      };
    },
  };
}
