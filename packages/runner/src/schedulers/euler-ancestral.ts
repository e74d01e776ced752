import type { ModelSettings } from "../model-settings.ts";
import { noiseConfig } from "./config.ts";
import { cleanAtSigma } from "./prediction.ts";
import { advance, at, mix, type Schedule } from "./schedule.ts";
import type { Scheduler } from "./scheduler.ts";
import { sigmaSchedule } from "./sigma-schedule.ts";

/**
 * Euler's method that goes a little below the next noise level and adds fresh noise back up to it. The reference draws noise
 * for the last step as well, where it has no weight; here it is left out. Source: runner-and-models 7.6.4.
 */
export function eulerAncestralScheduler(settings: ModelSettings): Scheduler {
  const config = noiseConfig(settings, { spacing: "linspace" });
  return {
    plan: (steps): Schedule => {
      const { sigmas, onSigmas } = sigmaSchedule(config, steps);
      return {
        ...onSigmas,
        takesNoise: (index) => at(sigmas, index + 1) > 0,
        step: (denoising, output, noise) => {
          const sigma = at(sigmas, denoising.index);
          const clean = cleanAtSigma(config.predictionType, sigma, denoising.sample, output);
          const { up, down } = ancestralSigmas(sigma, at(sigmas, denoising.index + 1));
          const share = down / sigma;
          return advance(denoising, mix([share, denoising.sample], [1 - share, clean], noise && [up, noise]));
        },
      };
    },
  };
}

/** How far a step goes down and how much noise brings it up again to `next`. */
export function ancestralSigmas(sigma: number, next: number): { readonly up: number; readonly down: number } {
  const up = Math.sqrt((next ** 2 * (sigma ** 2 - next ** 2)) / sigma ** 2);
  return { up, down: Math.sqrt(next ** 2 - up ** 2) };
}
