import { type Address, ZERO_ADDRESS } from "@rivulet/crypto";
import type { Activity, Broker, GasPrice, PriceFeed, Rounds, Senders } from "@rivulet/payments";
import {
  type Clock,
  type Logger,
  type Milliseconds,
  RivuletError,
  type Startable,
  silentLogger,
} from "@rivulet/primitives";
import { FollowedActivity } from "./activity.ts";
import { type BlockCursorStore, BlockWatcher } from "./block-watcher.ts";
import { TicketBroker } from "./broker.ts";
import { aggregatorAbi } from "./contracts/abi.ts";
import { Contract } from "./contracts/call.ts";
import { type Contracts, resolveContracts } from "./contracts/controller.ts";
import { GasPriceMonitor } from "./gas-price.ts";
import type { Network } from "./networks/network.ts";
import { FollowedPool } from "./orchestrator-pool.ts";
import { FollowedPriceFeed } from "./price-feed.ts";
import { FollowedRounds } from "./rounds.ts";
import type { Head } from "./rpc/blocks.ts";
import { Endpoints } from "./rpc/endpoints.ts";
import { FollowedSenders } from "./senders.ts";
import type { Account } from "./signers/account.ts";
import { remoteAccount } from "./signers/remote.ts";
import { Transactions } from "./transactions.ts";

export interface ChainOptions {
  readonly network: Network;
  /** Addresses of JSON-RPC endpoints, the preferred one first. */
  readonly urls: readonly string[];
  /** Which registry tells where orchestrators are; that of AI nodes where the network has one and nothing is said. */
  readonly registry?: "ai" | "controller";
  /** Whose claims on reserves are told apart: the operator that an orchestrator is paid as. */
  readonly recipient?: Address;
  /** Whether the pool of orchestrators is followed: a gateway's business. */
  readonly followsPool?: boolean;
  /** Whether the network's price feed is followed: the business of whoever has prices in dollars. */
  readonly followsPrices?: boolean;
  /** Wei for a unit of gas that no transaction exceeds. */
  readonly maxGasPrice?: bigint | undefined;
  /** Gas that every transaction gets; without it what it is estimated to take, and a margin. */
  readonly gasLimit?: bigint | undefined;
  /** How long a transaction is waited for before it is replaced, and how often it is. */
  readonly transactionTimeout?: Milliseconds | undefined;
  readonly maxReplacements?: number | undefined;
}

export interface ChainPorts {
  readonly clock: Clock;
  readonly log?: Logger;
  readonly fetch?: typeof fetch;
  /** Sends transactions; without one, whatever needs them throws "chain.cannot-sign". */
  readonly account?: Account | undefined;
  /** Remembers the last block for the next start. */
  readonly cursor?: BlockCursorStore | undefined;
}

/** What a chain is made of once its contracts are known. */
interface Found {
  readonly endpoints: Endpoints;
  readonly contracts: Contracts;
  readonly validityRounds: bigint;
}

/**
 * Finds the contracts of a network. Throws "chain.unavailable", "chain.wrong-network", "chain.contract-missing" and
 * "config.invalid". What comes back is not started yet.
 */
export async function connectChain(options: ChainOptions, ports: ChainPorts, signal?: AbortSignal): Promise<Chain> {
  const { network, urls } = options;
  const { chainId, staleAfter } = network;
  const { clock, log = silentLogger, fetch: fetcher = fetch } = ports;
  const endpoints = new Endpoints({ urls, chainId, staleAfter }, { fetch: fetcher, clock, log });
  const contracts = await resolveContracts(network, endpoints, signal);
  const validityRounds = await endpoints.request(contracts.ticketBroker.read("ticketValidityPeriod", []), signal);
  return new Chain(options, ports, { endpoints, contracts, validityRounds });
}

/**
 * The chain as a node sees it: the ports of payments, the pool for discovery, and transactions of the node's account.
 *
 * `start` resolves when all of it has been read once; from then on the properties answer from memory, and events keep them
 * in step. While no endpoint answers they keep what they had, `age` old.
 */
export class Chain implements Startable {
  readonly network: Network;
  readonly endpoints: Endpoints;
  readonly contracts: Contracts;
  readonly rounds: Rounds & Pick<FollowedRounds, "nextRoundBlock">;
  readonly senders: Senders;
  readonly activity: Activity;
  readonly broker: Broker;
  readonly transactions: Transactions;
  /** For prices and face values: smoothed. */
  readonly gasPrice: GasPrice;
  /** For deciding whether to send something now. */
  readonly gasPriceNow: GasPrice;
  readonly #pool: FollowedPool | undefined;
  readonly #prices: FollowedPriceFeed | undefined;
  readonly #watcher: BlockWatcher;

  /** Called by `connectChain`. */
  constructor(options: ChainOptions, ports: ChainPorts, found: Found) {
    const { network, recipient } = options;
    const { endpoints, contracts } = found;
    const { clock, log = silentLogger } = ports;
    const at = () => this.#watcher.head?.number ?? "latest";
    const rounds = new FollowedRounds(contracts, endpoints);
    const senders = new FollowedSenders(recipient, { contracts, endpoints, log, at });
    const activity = new FollowedActivity({ contracts, endpoints, log, at });
    const gas = new GasPriceMonitor(
      { minimum: network.minGasPrice, maximum: options.maxGasPrice },
      { endpoints, clock },
    );
    const pool = options.followsPool
      ? new FollowedPool(registryOf(contracts, options), { contracts, endpoints })
      : undefined;
    const followers = [senders, activity, gas, ...(pool === undefined ? [] : [pool]), rounds];
    this.network = network;
    this.endpoints = endpoints;
    this.contracts = contracts;
    this.rounds = rounds;
    this.senders = senders;
    this.activity = activity;
    this.gasPrice = gas.smoothed;
    this.gasPriceNow = gas.latest;
    this.transactions = transactionsFor(options, ports, endpoints);
    this.broker = new TicketBroker(network, found.validityRounds, {
      contracts,
      endpoints,
      transactions: this.transactions,
    });
    this.#pool = pool;
    this.#prices = priceFeedFor(options, { endpoints, clock, log });
    const { pollInterval } = network;
    this.#watcher = new BlockWatcher({ pollInterval }, followers, { endpoints, clock, log, cursor: ports.cursor });
  }

  /** Throws "internal" when the pool is not followed. */
  get pool(): FollowedPool {
    if (this.#pool === undefined) throw new RivuletError("internal", { reason: "the pool is not followed" });
    return this.#pool;
  }

  /** `undefined` when no feed is followed. */
  get prices(): PriceFeed | undefined {
    return this.#prices;
  }

  /** The newest block that was processed; `undefined` before `start`. */
  get head(): Head | undefined {
    return this.#watcher.head;
  }

  /** How long ago the chain answered. */
  get age(): Milliseconds {
    return this.#watcher.age;
  }

  /** Throws "chain.*" when the chain does not answer. */
  async start(): Promise<void> {
    await this.#watcher.start();
    await this.#prices?.start();
  }

  async stop(): Promise<void> {
    await this.#prices?.stop();
    await this.#watcher.stop();
  }

  /** Looks for new blocks now instead of at the next interval. */
  async poll(): Promise<void> {
    await this.#watcher.poll();
  }
}

function registryOf(contracts: Contracts, { registry }: ChainOptions): Contracts["serviceRegistry"] {
  if (registry === "controller") return contracts.serviceRegistry;
  return contracts.aiServiceRegistry ?? contracts.serviceRegistry;
}

function transactionsFor(options: ChainOptions, ports: ChainPorts, endpoints: Endpoints): Transactions {
  const { chainId, confirmations, pollInterval } = options.network;
  const { maxGasPrice, gasLimit, transactionTimeout, maxReplacements } = options;
  return new Transactions(
    {
      chainId,
      confirmations,
      pollInterval,
      maxGasPrice,
      gasLimit,
      ...(transactionTimeout === undefined ? {} : { timeout: transactionTimeout }),
      ...(maxReplacements === undefined ? {} : { maxReplacements }),
    },
    {
      account: ports.account ?? remoteAccount(ZERO_ADDRESS),
      endpoints,
      clock: ports.clock,
      log: ports.log ?? silentLogger,
    },
  );
}

function priceFeedFor(
  { network, followsPrices }: ChainOptions,
  ports: { readonly endpoints: Endpoints; readonly clock: Clock; readonly log: Logger },
): FollowedPriceFeed | undefined {
  if (!followsPrices || network.priceFeed === undefined) return undefined;
  return new FollowedPriceFeed({}, { feed: new Contract(network.priceFeed, aggregatorAbi), ...ports });
}
