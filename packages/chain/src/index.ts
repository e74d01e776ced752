export {
  aggregatorAbi,
  bondingManagerAbi,
  controllerAbi,
  faucetAbi,
  minterAbi,
  roundsManagerAbi,
  serviceRegistryAbi,
  ticketBrokerAbi,
  tokenAbi,
} from "./contracts/abi.ts";
export { Contract, type ContractWrite } from "./contracts/call.ts";
export { type Contracts, resolveContracts } from "./contracts/controller.ts";
export { arbitrumOne } from "./networks/arbitrum-one.ts";
export { local } from "./networks/local.ts";
export type { Network } from "./networks/network.ts";
export type { RpcCall } from "./rpc/call.ts";
export { Endpoints, type EndpointsOptions, type EndpointsPorts, type EndpointView } from "./rpc/endpoints.ts";
export type { Account } from "./signers/account.ts";
export {
  decryptKeystore,
  encryptKeystore,
  KEYSTORE_COST,
  type KeystoreCost,
  listKeystores,
  newPrivateKey,
  openKeystore,
  writeKeystore,
} from "./signers/keystore.ts";
export { memoryAccount } from "./signers/memory.ts";
export { PrivateKey } from "./signers/private-key.ts";
export { remoteAccount } from "./signers/remote.ts";
export {
  insufficientFunds,
  type Receipt,
  type SendOptions,
  Transactions,
  type TransactionsOptions,
  type TransactionsPorts,
} from "./transactions.ts";
