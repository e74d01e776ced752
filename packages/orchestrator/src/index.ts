export type {
  AdmittedJob,
  Executor,
  JobResult,
  JobStream,
  JobTimings,
  ModelOffer,
  ResultBytes,
  Slot,
} from "./executor.ts";
export type { ServedModel } from "./executors/language-client.ts";
export { MemoryExecutor, type MemoryModel } from "./executors/memory.ts";
export type { ReportedModel } from "./executors/runner-client.ts";
export {
  RunnerHttp,
  type RunnerHttpOptions,
  type RunnerHttpPorts,
  type RunnerInterface,
} from "./executors/runner-http.ts";
export { SeveralExecutors } from "./executors/several.ts";
export { type Gateways, GatewayWebhook } from "./gateway-webhook.ts";
export type { ListenAddress } from "./http/listener.ts";
export { Orchestrator, type OrchestratorOptions, type OrchestratorPorts } from "./orchestrator.ts";
export type { OrchestratorPayments } from "./payments.ts";
export { DEFAULT_ROW, fixedPrices, type PriceRow, type PriceSource, type PriceTable } from "./pricing.ts";
export { Redeemer, type RedeemerOptions, type RedeemerPorts } from "./redeemer/redeemer.ts";
export {
  RemoteRedeemer,
  type RemoteRedeemerOptions,
  type RemoteRedeemerPorts,
} from "./redeemer/remote-redeemer.ts";
export type { ResultStoreOptions } from "./result-store.ts";
export { Worker, type WorkerOptions, type WorkerPorts } from "./worker/worker.ts";
