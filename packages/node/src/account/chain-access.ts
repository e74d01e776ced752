import {
  type Chain,
  type ChainOptions,
  connectChain,
  memoryAccount,
  type Network,
  type PrivateKey,
} from "@rivulet/chain";
import { type Clock, type Logger, RivuletError } from "@rivulet/primitives";
import { networks, OFFCHAIN, type Settings } from "../config/schema.ts";

export interface ChainAccessPorts {
  readonly clock: Clock;
  readonly log: Logger;
}

/** The network of a configuration with everything the operator changed of it. Throws "config.invalid" off-chain. */
function networkOf({ network: name, chain }: Settings): Network {
  const preset = Object.values(networks).find((network) => network.name === name);
  if (preset === undefined) {
    const message = `say on which chain: ${Object.keys(networks).join(" or ")}; ${OFFCHAIN} has no money`;
    throw new RivuletError("config.invalid", { problems: [{ path: "-network", message }] });
  }
  return {
    ...preset,
    ...(chain.controller === undefined ? {} : { controller: chain.controller }),
    ...(chain.priceFeed === undefined ? {} : { priceFeed: chain.priceFeed }),
    ...(chain.minGasPrice === undefined ? {} : { minGasPrice: chain.minGasPrice }),
    ...(chain.pollInterval === undefined ? {} : { pollInterval: chain.pollInterval }),
    ...(chain.aiServiceRegistry ? {} : { aiServiceRegistry: undefined }),
  };
}

/** How a node reaches the chain of its configuration. Throws "config.invalid" off-chain and without an endpoint. */
export function chainOptions(settings: Settings): ChainOptions {
  const network = networkOf(settings);
  const { rpc, maxGasPrice, gasLimit, transactionTimeout, maxTransactionReplacements } = settings.chain;
  if (rpc.length === 0) {
    const message = `say where ${network.name} is reached: a JSON-RPC endpoint, as env:NAME when it has a key`;
    throw new RivuletError("config.invalid", { problems: [{ path: "-ethUrl", message }] });
  }
  return {
    network,
    urls: rpc.map((endpoint) => endpoint.reveal()),
    maxGasPrice,
    gasLimit: gasLimit === 0 ? undefined : BigInt(gasLimit),
    transactionTimeout,
    maxReplacements: maxTransactionReplacements,
  };
}

/**
 * Reaches the chain of a configuration without following it, for a command that asks or does one thing. Without a key it
 * can only ask. Throws "config.invalid", "chain.unavailable", "chain.wrong-network" and "chain.contract-missing".
 */
export function accessChain(settings: Settings, key: PrivateKey | undefined, ports: ChainAccessPorts): Promise<Chain> {
  return connectChain(chainOptions(settings), {
    ...ports,
    ...(key === undefined ? {} : { account: memoryAccount(key) }),
  });
}
