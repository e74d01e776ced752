export { Hardware } from "./hardware.ts";
export { memoryLauncher } from "./host/memory-host.ts";
export type { HostLauncher } from "./host/messages.ts";
export { ALL_IMPLEMENTATIONS, processLauncher } from "./host/process-host.ts";
export type { HostImplementations } from "./host/serve-host.ts";
export type { Peer } from "./http/answers.ts";
export { RunnerServer, type RunnerServerOptions, type RunnerServerPorts } from "./http/server.ts";
export type {
  EngineOptions,
  Implementation,
  LoadContext,
  LoadedModel,
  Progress,
  RunContext,
} from "./implementation.ts";
export type { JobEvent, RunTimings } from "./model-pool.ts";
export { ModelStore, type StoredModel, sizeOf } from "./model-store.ts";
export { type Implementations, implementations } from "./pipelines/index.ts";
export type { ModelState } from "./pooled-model.ts";
export {
  type ModelHealth,
  Runner,
  type RunnerHealth,
  type RunnerJob,
  type RunnerModel,
  type RunnerOptions,
  type RunnerPorts,
} from "./runner.ts";
export { compileSettings, type RunnerSettings, settingsFromEnvironment } from "./runner-settings.ts";
export { RunnerProcess, type RunnerProcessPorts, type RunnerProcessState } from "./supervisor.ts";
export { RUNNER_COMPATIBILITY_VERSION, RUNNER_VERSION } from "./version.ts";
