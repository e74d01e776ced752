import {
  type Contracts,
  Endpoints,
  memoryAccount,
  type Network,
  type PrivateKey,
  resolveContracts,
  Transactions,
} from "@rivulet/chain";
import { type Clock, type Logger, RivuletError } from "@rivulet/primitives";
import { type ChainSettings, networks, OFFCHAIN, type Settings } from "../config/schema.ts";

export interface ChainAccessPorts {
  readonly clock: Clock;
  readonly log: Logger;
}

/** The way to a chain: its endpoints, and the contracts on it. */
export interface ChainAccess {
  readonly network: Network;
  readonly settings: ChainSettings;
  readonly endpoints: Endpoints;
  readonly contracts: Contracts;
}

/** The network of a configuration with everything the operator changed of it. Throws "config.invalid" off-chain. */
export function networkOf({ network: name, chain }: Settings): Network {
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

/** The endpoints of a configuration. Throws "config.invalid" when there are none. */
export function endpointsOf(settings: ChainSettings, network: Network, { clock, log }: ChainAccessPorts): Endpoints {
  if (settings.rpc.length === 0) {
    const message = `say where ${network.name} is reached: a JSON-RPC endpoint, as env:NAME when it has a key`;
    throw new RivuletError("config.invalid", { problems: [{ path: "-ethUrl", message }] });
  }
  return new Endpoints(
    {
      urls: settings.rpc.map((endpoint) => endpoint.reveal()),
      chainId: network.chainId,
      staleAfter: network.staleAfter,
    },
    { fetch, clock, log },
  );
}

/**
 * Reaches the chain of a configuration. Throws "config.invalid", "chain.unavailable", "chain.wrong-network" and
 * "chain.contract-missing".
 */
export async function accessChain(
  settings: Settings,
  ports: ChainAccessPorts,
  signal?: AbortSignal,
): Promise<ChainAccess> {
  const network = networkOf(settings);
  const endpoints = endpointsOf(settings.chain, network, ports);
  const contracts = await resolveContracts(network, endpoints, signal);
  return { network, settings: settings.chain, endpoints, contracts };
}

/** What sends the transactions of an account, as the configuration wants it. */
export function transactionsOf(
  { network, settings, endpoints }: Omit<ChainAccess, "contracts">,
  key: PrivateKey,
  { clock, log }: ChainAccessPorts,
): Transactions {
  return new Transactions(
    {
      chainId: network.chainId,
      maxGasPrice: settings.maxGasPrice,
      timeout: settings.transactionTimeout,
      maxReplacements: settings.maxTransactionReplacements,
      confirmations: 1,
      pollInterval: network.pollInterval,
    },
    { account: memoryAccount(key), endpoints, clock, log },
  );
}
