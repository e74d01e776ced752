export { ComposedNode, type NodePorts, type RoleNode } from "./compose.ts";
export { parseAiModels } from "./config/ai-models.ts";
export { type Configured, configure, machineSurroundings } from "./config/configure.ts";
export { explain, helpLines, referenceRow } from "./config/explain.ts";
export { type FlaggedSetting, flaggedSettings, type OwnFlag, parseFlags } from "./config/flags.ts";
export { type Configuration, loadConfiguration, type Source } from "./config/load.ts";
export { findNearest, suggestion } from "./config/nearest.ts";
export { documentSchema, ROLES, type Role, type Settings } from "./config/schema.ts";
export {
  type JobStory,
  LocalNetwork,
  type LocalNetworkOptions,
  type LocalNetworkPorts,
  type LocalOrchestrator,
} from "./local-network.ts";
export { createLogger, type LogFormat, type LoggerOptions, type LogLevel } from "./logger.ts";
export { type NodeEvent, NodeProcess, type NodeProcessOptions, readyLine } from "./node-process.ts";
export { PriceReload, type PriceReloadOptions } from "./pricing/reload.ts";
export { ProgressLines, type Screen } from "./progress.ts";
export { runUntilStopped, type ShutdownOptions, type ShutdownPorts } from "./shutdown.ts";
export { findStarterModels, type StarterModel } from "./starter-models.ts";
export { secureRandomness, systemClock } from "./system.ts";
