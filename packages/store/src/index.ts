export { BlockCursor, type ProcessedBlock } from "./block-cursor.ts";
export { MemoryOrchestratorCache } from "./memory-orchestrator-cache.ts";
export { MemorySettings } from "./memory-settings.ts";
export {
  isActiveIn,
  type KnownOrchestrator,
  type OrchestratorCache,
  type OrchestratorUpdate,
} from "./orchestrator-cache.ts";
export type { Settings } from "./settings.ts";
export { Store, type StoreOptions, type StorePorts } from "./store.ts";
