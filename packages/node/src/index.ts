export { accessChain, type ChainAccessPorts } from "./account/chain-access.ts";
export {
  type Balance,
  ChainAccount,
  ChainReader,
  type LockedFunds,
  type Registration,
  type RoundState,
  type StakeState,
  type Step,
  type UnbondingLock,
} from "./account/chain-account.ts";
export { accountOf, accountsOf, createAccount, importAccount, type KeptAccount, openKey } from "./account/key.ts";
export { openBooksOf } from "./books/open.ts";
export { type Comparison, type NamedBooks, type Reconciliation, reconcile, type SideSums } from "./books/reconcile.ts";
export { type TicketReport, ticketReport } from "./books/tickets.ts";
export { ComposedNode, type NodePorts, type RoleNode } from "./compose.ts";
export { parseAiModels } from "./config/ai-models.ts";
export {
  type CommandSettings,
  type Configured,
  commandSettings,
  configure,
  configureCommand,
  machineSurroundings,
} from "./config/configure.ts";
export { explain, helpLines, referenceRow } from "./config/explain.ts";
export { type FlaggedSetting, flaggedSettings, type OwnFlag, parseFlags } from "./config/flags.ts";
export { type Configuration, loadConfiguration, type Source } from "./config/load.ts";
export { findNearest, suggestion } from "./config/nearest.ts";
export { findDuration, findMoney, type Money } from "./config/quantities.ts";
export { documentSchema, ROLES, type Role, type Settings } from "./config/schema.ts";
export type { LocalBalances, LocalMoneyOptions } from "./local-money.ts";
export {
  type JobStory,
  type LocalModel,
  LocalNetwork,
  type LocalNetworkOptions,
  type LocalNetworkPorts,
  type LocalOrchestrator,
  type LocalPayment,
  type LocalRedemption,
} from "./local-network.ts";
export { createLogger, type LogFormat, type LoggerOptions, type LogLevel } from "./logger.ts";
export { type NodeEvent, NodeProcess, type NodeProcessOptions, readyLine } from "./node-process.ts";
export { PriceReload, type PriceReloadOptions } from "./pricing/reload.ts";
export { ProgressLines, type Screen } from "./progress.ts";
export { runUntilStopped, type ShutdownOptions, type ShutdownPorts } from "./shutdown.ts";
export { findStarterModels, type StarterModel } from "./starter-models.ts";
export { secureRandomness, systemClock } from "./system.ts";
