import { describe, expect, test } from "vitest";
import { ModelSettings } from "../../src/model-settings.ts";
import { noiseOf } from "../../src/random/noise.ts";
import { type SchedulerClass, schedulerOf } from "../../src/schedulers/scheduler.ts";
import { distance } from "../vectors.ts";
import { references, type SchedulerReferences } from "./references.ts";

/** Source: runner-and-models 7.19. */
const TOLERANCE = 1e-4;

/**
 * With the signal brought down to 2⁻²⁴ at the end of training, the first level is 4096 and single precision, in which the
 * reference computes, keeps three digits of what the first step leaves.
 */
const TOLERANCE_ZERO_SNR = 1e-3;

const { cases, source } = references<SchedulerReferences>("schedulers");

describe(`every step agrees with ${source}:`, () => {
  test.each(cases)("$input.scheduler, $input.steps steps, $input.config", ({ input, expected }) => {
    const className = input.scheduler as SchedulerClass;
    const tolerance = input.config["rescale_betas_zero_snr"] === true ? TOLERANCE_ZERO_SNR : TOLERANCE;
    const plan = schedulerOf(new ModelSettings(input.config), { className }).plan(input.steps);
    expect(distance(plan.timesteps, expected.timesteps)).toBeLessThan(tolerance);
    expect(distance([plan.initNoiseSigma], [expected.init_noise_sigma])).toBeLessThan(tolerance);
    const noise = noiseOf(input.seed, "cpu");
    const start = noise(input.start.length).map((value) => value * plan.initNoiseSigma);
    expect(distance(start, input.start)).toBeLessThan(tolerance);
    let at = plan.begin(Float32Array.from(input.start));
    for (const [index, timestep] of plan.timesteps.entries()) {
      const output = plan.scaleInput(at).map((value) => 0.3 * value + (0.1 * timestep) / 1000);
      at = plan.step(at, output, plan.takesNoise(index) ? noise(input.start.length) : undefined);
      expect(distance(at.sample, expected.latents[index] ?? [])).toBeLessThan(tolerance);
    }
  });
});
