export {
  type BlockCursor,
  type BlockCursorStore,
  BlockWatcher,
  type BlockWatcherOptions,
  type BlockWatcherPorts,
  type ChainUpdate,
  type Follower,
} from "./block-watcher.ts";
export { TicketBroker, type TicketBrokerPorts } from "./broker.ts";
export { Chain, type ChainOptions, type ChainPorts, connectChain } from "./chain.ts";
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
export { Contract, type ContractEvent, type ContractWrite, type ReadAt } from "./contracts/call.ts";
export { type Contracts, contractId, resolveContracts } from "./contracts/controller.ts";
export { type PoolPosition, readPoolPosition } from "./contracts/pool-position.ts";
export { revertError } from "./contracts/revert-reasons.ts";
export { GasPriceMonitor, type GasPriceOptions, type GasPricePorts } from "./gas-price.ts";
export type { Hex } from "./hex.ts";
export { arbitrumOne } from "./networks/arbitrum-one.ts";
export { local } from "./networks/local.ts";
export type { Network } from "./networks/network.ts";
export { FollowedPool, type OrchestratorPoolPorts, type PoolMember } from "./orchestrator-pool.ts";
export { FollowedPriceFeed, type FollowedPriceFeedOptions, type FollowedPriceFeedPorts } from "./price-feed.ts";
export {
  claimableReserve,
  type FeeSplit,
  type FeeSplitTerms,
  isRedeemable,
  payoutOf,
  percOf,
  percPoints,
  type ReserveState,
  type RoundSchedule,
  type RoundTime,
  roundAt,
  splitFees,
  stakeToFixed,
} from "./protocol-math.ts";
export { type IncludedTransaction, type Receipt, receiptOf } from "./receipts.ts";
export { blockAt, type ChainLog, type Head, type LogFilter, latestBlock, logsBetween } from "./rpc/blocks.ts";
export { type RpcCall, readAnswer, rpcCall } from "./rpc/call.ts";
export {
  Endpoints,
  type EndpointsOptions,
  type EndpointsPorts,
  type EndpointView,
  type RpcSettled,
} from "./rpc/endpoints.ts";
export type { Account, UnsignedTransaction } from "./signers/account.ts";
export {
  decryptKeystore,
  encryptKeystore,
  KEYSTORE_COST,
  type Keystore,
  type KeystoreCost,
  listKeystores,
  newPrivateKey,
  openKeystore,
  parseKeystore,
  writeKeystore,
} from "./signers/keystore.ts";
export { memoryAccount } from "./signers/memory.ts";
export { PrivateKey } from "./signers/private-key.ts";
export { remoteAccount } from "./signers/remote.ts";
export {
  insufficientFunds,
  type SendOptions,
  Transactions,
  type TransactionsOptions,
  type TransactionsPorts,
} from "./transactions.ts";
