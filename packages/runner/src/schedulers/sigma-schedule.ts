import type { ModelSettings } from "../model-settings.ts";
import type { NoiseConfig } from "./config.ts";
import { indexOfSigma, interpolated, karrasSigmas, positiveSignalTable, sigmaTable } from "./noise-table.ts";
import { at, begin, mix, type Schedule, scaled } from "./schedule.ts";
import { spacedTimesteps } from "./spacing.ts";

/** The noise levels of a run, one more than its timesteps, and what follows from them for methods that work on levels. */
export interface SigmaSchedule {
  readonly sigmas: readonly number[];
  readonly onSigmas: Pick<Schedule, "timesteps" | "initNoiseSigma" | "begin" | "scaleInput" | "addNoise">;
}

/** Which levels a configuration asks for beside the spacing. */
export interface SigmaChoice {
  readonly isKarras: boolean;
  readonly isContinuous: boolean;
  readonly least: number | undefined;
  readonly most: number | undefined;
  readonly endsAtLeast: boolean;
}

export function sigmaChoice(settings: ModelSettings): SigmaChoice {
  return {
    isKarras: settings.boolean("use_karras_sigmas", false),
    isContinuous: settings.choice("timestep_type", ["discrete", "continuous"], "discrete") === "continuous",
    least: settings.findNumber("sigma_min"),
    most: settings.findNumber("sigma_max"),
    endsAtLeast: settings.choice("final_sigmas_type", ["zero", "sigma_min"], "zero") === "sigma_min",
  };
}

/** Source: runner-and-models 7.6.2, 7.6.3 and 7.6.9. */
export function sigmaSchedule(config: NoiseConfig, steps: number, choice?: SigmaChoice): SigmaSchedule {
  const table = sigmaTable(positiveSignalTable(config));
  let timesteps = spacedTimesteps(config, steps);
  let sigmas = timesteps.map((timestep) => interpolated(table, timestep));
  if (choice?.isKarras) {
    sigmas = karrasSigmas(choice.least ?? at(sigmas, steps - 1), choice.most ?? at(sigmas, 0), steps);
    timesteps = sigmas.map((sigma) => indexOfSigma(table, sigma));
  }
  if (choice?.isContinuous && config.predictionType === "v_prediction")
    timesteps = sigmas.map((sigma) => 0.25 * Math.log(sigma));
  const most = Math.max(...sigmas);
  return {
    sigmas: [...sigmas, choice?.endsAtLeast ? at(table, 0) : 0],
    onSigmas: {
      timesteps,
      initNoiseSigma: config.spacing === "leading" ? Math.sqrt(most * most + 1) : most,
      begin,
      // With the power it had in training.
      scaleInput: ({ sample, index }) => scaled(1 / Math.sqrt(at(sigmas, index) ** 2 + 1), sample),
      addNoise: (clean, noise, index) => mix([1, clean], [at(sigmas, index), noise]),
    },
  };
}
