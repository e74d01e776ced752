import type { ModelSettings } from "../model-settings.ts";

type BetaSchedule = "linear" | "scaled_linear" | "squaredcos_cap_v2";
export type PredictionType = "epsilon" | "v_prediction" | "sample";
type TimestepSpacing = "linspace" | "leading" | "trailing";

/** What the schedulers have in common, as `scheduler_config.json` states it. */
export interface NoiseConfig {
  readonly trainTimesteps: number;
  /** The variance of the noise added at each training step, or how to compute it. */
  readonly betas: readonly number[] | { readonly start: number; readonly end: number; readonly schedule: BetaSchedule };
  readonly predictionType: PredictionType;
  readonly spacing: TimestepSpacing;
  readonly stepsOffset: number;
  readonly isZeroSnr: boolean;
}

/** What a class assumes where a configuration is silent. */
export interface NoiseDefaults {
  readonly spacing: TimestepSpacing;
  readonly betaStart?: number;
  readonly betaEnd?: number;
  readonly betaSchedule?: BetaSchedule;
}

/** Source of names and defaults: runner-and-models 7.6. */
export function noiseConfig(settings: ModelSettings, defaults: NoiseDefaults): NoiseConfig {
  const trainTimesteps = settings.number("num_train_timesteps", 1000);
  const trainedBetas = settings.findNumbers("trained_betas");
  if (trainedBetas !== undefined && trainedBetas.length !== trainTimesteps)
    throw new RangeError(`scheduler setting trained_betas must have ${trainTimesteps} numbers: ${trainedBetas.length}`);
  return {
    trainTimesteps,
    betas: trainedBetas ?? {
      start: settings.number("beta_start", defaults.betaStart ?? 0.0001),
      end: settings.number("beta_end", defaults.betaEnd ?? 0.02),
      schedule: settings.choice(
        "beta_schedule",
        ["linear", "scaled_linear", "squaredcos_cap_v2"],
        defaults.betaSchedule ?? "linear",
      ),
    },
    predictionType: settings.choice("prediction_type", ["epsilon", "v_prediction", "sample"], "epsilon"),
    spacing: settings.choice("timestep_spacing", ["linspace", "leading", "trailing"], defaults.spacing),
    stepsOffset: settings.number("steps_offset", 0),
    isZeroSnr: settings.boolean("rescale_betas_zero_snr", false),
  };
}

/** The range predicted clean samples are clipped to, `undefined` for none. */
export function clipRange(settings: ModelSettings, fallback: boolean): number | undefined {
  return settings.boolean("clip_sample", fallback) ? settings.number("clip_sample_range", 1) : undefined;
}

/** Refuses a configuration that asks for something that would silently be left out. */
export function refuse(settings: ModelSettings, key: string): void {
  if (settings.boolean(key, false)) throw new RangeError(`scheduler setting ${key} is not supported`);
}
