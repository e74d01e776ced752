import { type Executor, RunnerHttp } from "@rivulet/orchestrator";
import { findPipeline } from "@rivulet/pipelines";
import type { Startable } from "@rivulet/primitives";
import type { ConfiguredModel } from "../config/ai-models.ts";
import type { StarterModel } from "../starter-models.ts";
import { type ModelSettings, ownModels, runnerSettingsOf, warnOfUnusedFlags } from "./models.ts";
import { OwnRunner, type OwnRunnerPorts } from "./own-runner.ts";

/** Those who do the jobs of a node on this machine or behind a URL it was given. */
export type LocalExecutor = Executor & Startable;

export interface ExecutorSettings extends ModelSettings {
  readonly dataDir: string;
  readonly starters: readonly StarterModel[];
}

/** One executor for each external runner, and one runner of its own for all other models, if there are any. */
export function localExecutors(
  settings: ExecutorSettings,
  models: readonly ConfiguredModel[],
  ports: OwnRunnerPorts,
): readonly LocalExecutor[] {
  const external = Map.groupBy(
    models.filter(({ endpoint }) => endpoint !== undefined),
    ({ endpoint }) => `${endpoint?.speaks} ${endpoint?.url} ${endpoint?.token?.reveal() ?? ""}`,
  );
  const runners = [...external.values()].map((served) => externalRunner(served, ports));
  if (ownModels(models).length === 0) return runners;
  warnOfUnusedFlags(models, ports.log);
  return [new OwnRunner(runnerSettingsOf(settings, models, settings.starters, settings.dataDir), ports), ...runners];
}

function externalRunner(models: readonly ConfiguredModel[], ports: OwnRunnerPorts): RunnerHttp {
  const [first] = models;
  const token = first?.endpoint?.token?.reveal();
  return new RunnerHttp(
    {
      url: String(first?.endpoint?.url),
      ...(token === undefined ? {} : { token }),
      ...(first?.endpoint !== undefined && { speaks: first.endpoint.speaks }),
      models: models.flatMap(({ pipeline, model, isWarm, slots, endpoint }) => {
        const found = findPipeline(pipeline);
        const upstream = endpoint?.upstream;
        return found === undefined
          ? []
          : [{ pipeline: found, model, isWarm, slots, ...(upstream !== undefined && { upstream }) }];
      }),
    },
    ports,
  );
}
