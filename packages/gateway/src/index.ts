export { parseKeys } from "./auth/key-file.ts";
export type { DefaultsTable, PipelineDefaults } from "./defaults.ts";
export { checkDefaults, withDefaults } from "./defaults.ts";
export {
  type DirectoryOptions,
  type DirectoryPorts,
  type ListedOrchestrator,
  OrchestratorDirectory,
} from "./directory.ts";
export { addressOf } from "./discovery/address.ts";
export type { OrchestratorPool, RegisteredOrchestrator } from "./discovery/pool.ts";
export { parseList as parseDiscoveryList } from "./discovery/webhook.ts";
export type { ExplainedOrchestrator, Explanation, Wanted } from "./explanation.ts";
export { Gateway } from "./gateway.ts";
export { type Prepared, type PrepareOptions, prepareJob, type RawBody } from "./http/prepare.ts";
export type { AttemptRecord, DrawRecord, JobRecord, JobTimings } from "./job-story.ts";
export type { networkView } from "./network-view.ts";
export {
  type AuthOptions,
  type GatewayOptions,
  type GatewayPorts,
  gatewayDefaults,
  type OrchestratorList,
} from "./options.ts";
export type { Offer, OrchestratorSession } from "./orchestrator-session.ts";
export { LocalPayer, type LocalPayerPorts } from "./paying/local-payer.ts";
export type { Identity, JobPayment, Objection, Order, Outcome, PaidRequest, Payer, Peer } from "./paying/payer.ts";
export type { PriceLimits } from "./paying/price-limits.ts";
export { RemoteSignerPayer, type RemoteSignerPayerPorts } from "./paying/remote-payer.ts";
export type { SignerAddress } from "./paying/signer-client.ts";
export { readRefusal } from "./refusal.ts";
export type { Choice } from "./selection/choice.ts";
export type { Considered } from "./selection/considered.ts";
export type { SelectionOptions } from "./selection/draw.ts";
export {
  checkedMeasuredWeights,
  type MeasuredWeights,
  measuredChances,
  measuredWeights,
} from "./selection/measured-weights.ts";
export type { Lots, PoolPorts, Why } from "./selection/pool.ts";
export {
  type AcquireOptions,
  type Demand,
  Selector,
  type SelectorOptions,
} from "./selection/selector.ts";
export { penaltyOf, type Suspension } from "./selection/suspension.ts";
export {
  type Chances,
  chances,
  checkedWeights,
  defaultWeights,
  drawOperator,
  type Weighed,
  type WeightOptions,
} from "./selection/weights.ts";
export type { Terms } from "./terms.ts";
