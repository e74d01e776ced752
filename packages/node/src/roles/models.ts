import { cpus } from "node:os";
import { join } from "node:path";
import type { Logger } from "@rivulet/primitives";
import type { RunnerSettings } from "@rivulet/runner";
import type { ConfiguredModel } from "../config/ai-models.ts";
import type { StarterModel } from "../starter-models.ts";

/** What the configuration says about running models, for every role that does. */
export interface ModelSettings {
  readonly modelsDir?: string | undefined;
  readonly modelMemory?: number | undefined;
  readonly threads: number;
  readonly gpu?: number | undefined;
  readonly executionProviders?: readonly string[];
  readonly safety?: "required" | "best-effort";
  readonly seedMode?: "cuda" | "cpu";
}

/** The models a node runs itself: all but those of external runners. */
export function ownModels(models: readonly ConfiguredModel[]): readonly ConfiguredModel[] {
  return models.filter(({ endpoint }) => endpoint === undefined);
}

/** Warns of what an aiModels.json says to another runner. Source: runner-and-models 1.13.2. */
export function warnOfUnusedFlags(models: readonly ConfiguredModel[], log: Logger): void {
  for (const { pipeline, model, unusedFlags = [] } of ownModels(models))
    if (unusedFlags.length > 0)
      log.warn("optimization flags have no meaning to this runner", { pipeline, model, flags: unusedFlags.join(", ") });
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
    engine: {
      providers: settings.gpu === undefined ? (settings.executionProviders ?? []) : [`cuda:${settings.gpu}`],
      ...(settings.safety === undefined ? {} : { safety: settings.safety }),
      ...(settings.seedMode === undefined ? {} : { seedMode: settings.seedMode }),
    },
    ...(settings.modelMemory === undefined ? {} : { memoryBytes: settings.modelMemory }),
  };
}
