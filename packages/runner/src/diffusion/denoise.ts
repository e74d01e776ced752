import { setImmediate as eventLoopTurn } from "node:timers/promises";
import type { Noise } from "../random/noise.ts";
import type { Schedule } from "../schedulers/schedule.ts";
import { refuseNonFinite } from "./decoder.ts";
import type { Predict } from "./denoiser.ts";

export interface DenoiseOptions {
  readonly schedule: Schedule;
  readonly predict: Predict;
  readonly noise: Noise;
  /** Elements of the latent picture. */
  readonly size: number;
  readonly signal: AbortSignal;
  /** After each evaluation: how many of how many are done. */
  readonly onStep: (step: number, of: number) => void;
}

/** From pure noise to a latent picture. Ends with the signal's reason within one evaluation. */
export async function denoise({
  schedule,
  predict,
  noise,
  size,
  signal,
  onStep,
}: DenoiseOptions): Promise<Float32Array> {
  let at = schedule.begin(noise(size).map((value) => value * schedule.initNoiseSigma));
  for (const timestep of schedule.timesteps) {
    await turn(signal);
    const output = await predict(schedule.scaleInput(at), timestep);
    at = schedule.step(at, output, schedule.takesNoise(at.index) ? noise(size) : undefined);
    onStep(at.index, schedule.timesteps.length);
  }
  refuseNonFinite(
    at.sample.reduce((sum, value) => sum + value, 0),
    "latents",
  );
  return at.sample;
}

/** Lets messages arrive, an abort among them, before the next thing that blocks. Throws the signal's reason. */
export async function turn(signal: AbortSignal): Promise<void> {
  await eventLoopTurn();
  signal.throwIfAborted();
}
