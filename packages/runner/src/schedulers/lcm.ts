import type { ModelSettings } from "../model-settings.ts";
import { rejected } from "../rejected.ts";
import { clipRange, noiseConfig, refuse } from "./config.ts";
import { signalTable } from "./noise-table.ts";
import { cleanOf, sharesOf, variancePreserving } from "./prediction.ts";
import { advance, at, clipped, mix, type Schedule } from "./schedule.ts";
import type { Scheduler } from "./scheduler.ts";

/** The standard deviation of training pictures that consistency models assume. */
const SIGMA_DATA = 0.5;

/** Multistep sampling of latent consistency models (Luo et al. 2023). Source: runner-and-models 7.6.7. */
export function lcmScheduler(settings: ModelSettings): Scheduler {
  refuse(settings, "thresholding");
  const config = noiseConfig(settings, {
    spacing: "leading",
    betaStart: 0.00085,
    betaEnd: 0.012,
    betaSchedule: "scaled_linear",
  });
  const clip = clipRange(settings, false);
  const originalSteps = settings.number("original_inference_steps", 50);
  const timestepScaling = settings.number("timestep_scaling", 10);
  const signal = signalTable(config);
  return {
    plan: (steps, { strength = 1 } = {}): Schedule => {
      const origins = Math.floor(originalSteps * strength);
      if (steps > origins) throw rejected("num_inference_steps", `this model takes at most ${origins} steps`);
      const stride = Math.floor(config.trainTimesteps / originalSteps);
      const timesteps = Array.from(
        { length: steps },
        (_, i) => stride * (origins - Math.floor(i * (origins / steps))) - 1,
      );
      const isLast = (index: number) => index === steps - 1;
      return {
        ...variancePreserving(timesteps, (index) => sharesOf(at(signal, at(timesteps, index)))),
        takesNoise: (index) => !isLast(index),
        step: (denoising, output, noise = new Float32Array(output.length)) => {
          const timestep = at(timesteps, denoising.index);
          const implied = cleanOf(config.predictionType, sharesOf(at(signal, timestep)), denoising.sample, output);
          const clean = clip === undefined ? implied : clipped(implied, clip);
          const scale = timestep * timestepScaling;
          const power = scale ** 2 + SIGMA_DATA ** 2;
          const denoised = mix([scale / Math.sqrt(power), clean], [SIGMA_DATA ** 2 / power, denoising.sample]);
          if (isLast(denoising.index)) return advance(denoising, denoised);
          const shares = sharesOf(at(signal, at(timesteps, denoising.index + 1)));
          return advance(denoising, mix([shares.signal, denoised], [shares.noise, noise]));
        },
      };
    },
  };
}
