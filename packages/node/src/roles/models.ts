import { cpus } from "node:os";
import { join } from "node:path";
import type { RunnerSettings } from "@rivulet/runner";
import type { ConfiguredModel } from "../config/ai-models.ts";
import type { StarterModel } from "../starter-models.ts";

/** What the configuration says about running models, for every role that does. */
export interface ModelSettings {
  readonly modelsDir?: string | undefined;
  readonly modelMemory?: number | undefined;
  readonly threads: number;
}

/** The models a node runs itself: all but those of external runners. */
export function ownModels(models: readonly ConfiguredModel[]): readonly ConfiguredModel[] {
  return models.filter(({ endpoint }) => endpoint === undefined);
}

/**
 * What a runner is told. A model without a directory of its own is looked for below the models directory; a starter model
 * is found wherever its package is.
 */
export function runnerSettingsOf(
  settings: ModelSettings,
  models: readonly ConfiguredModel[],
  starters: readonly StarterModel[],
  dataDir: string,
): RunnerSettings {
  return {
    models: ownModels(models).map((each) => {
      const directory = each.directory ?? starters.find(({ id }) => id === each.model)?.directory;
      return {
        pipeline: each.pipeline,
        model: each.model,
        slots: each.slots,
        warm: each.isWarm,
        ...(directory === undefined ? {} : { directory }),
      };
    }),
    modelDirectories: [settings.modelsDir ?? join(dataDir, "models")],
    threads: settings.threads === 0 ? cpus().length : settings.threads,
    ...(settings.modelMemory === undefined ? {} : { memoryBytes: settings.modelMemory }),
  };
}
