export { type DevelopmentAccount, developmentAccounts } from "./accounts.ts";
export { ChainClient, type ContractCall, type Transaction } from "./chain-client.ts";
export { type Addresses, defaultParameters, type ProtocolParameters } from "./deployment.ts";
export {
  Devnet,
  type DevnetOptions,
  type DevnetPorts,
  type OrchestratorRegistration,
  type SenderFunding,
  type Snapshot,
  startDevnet,
} from "./devnet.ts";
export { type RpcCall, RpcFailure } from "./evm.ts";
