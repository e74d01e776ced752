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
export { arbitrumOne } from "./networks/arbitrum-one.ts";
export { local } from "./networks/local.ts";
export type { Network } from "./networks/network.ts";
