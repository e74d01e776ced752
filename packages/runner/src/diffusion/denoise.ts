import { refuseNonFinite } from "../graphs/finite.ts";
import type { Noise } from "../random/noise.ts";
import type { Denoising, Schedule } from "../schedulers/schedule.ts";
import { turn } from "../turn.ts";
import type { Predict } from "./denoiser.ts";

export interface DenoiseOptions {
  readonly schedule: Schedule;
  readonly predict: Predict;
  /** Where it begins: pure noise, or a given picture with as much noise as a later evaluation expects. */
  readonly start: Denoising;
  /** For methods that add fresh noise. */
  readonly noise: Noise;
  readonly signal: AbortSignal;
  /** After each evaluation: how many of how many are done. */
  readonly onStep: (step: number, of: number) => void;
}

/** From a noisy latent picture to a clean one. Ends with the signal's reason within one evaluation. */
export async function denoise({
  schedule,
  predict,
  start,
  noise,
  signal,
  onStep,
}: DenoiseOptions): Promise<Float32Array> {
  let at = start;
  const timesteps = schedule.timesteps.slice(start.index);
  for (const [done, timestep] of timesteps.entries()) {
    await turn(signal);
    const output = await predict(schedule.scaleInput(at), timestep);
    at = schedule.step(at, output, schedule.takesNoise(at.index) ? noise(at.sample.length) : undefined);
    onStep(done + 1, timesteps.length);
  }
  refuseNonFinite(at.sample, "latents");
  return at.sample;
}
