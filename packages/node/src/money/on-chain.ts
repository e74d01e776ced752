import {
  BlockWatcher,
  FollowedActivity,
  FollowedPool,
  FollowedRounds,
  FollowedSenders,
  type Follower,
  GasPriceMonitor,
  type PrivateKey,
  resolveContracts,
  TicketBroker,
  type Transactions,
} from "@rivulet/chain";
import { type Address, SignatureThreads } from "@rivulet/crypto";
import { Ledger, type PaymentStore } from "@rivulet/payments";
import { type Clock, invariant, type Logger, type Randomness, type Startable } from "@rivulet/primitives";
import { type ChainAccess, endpointsOf, networkOf, transactionsOf } from "../account/chain-access.ts";
import { openKey } from "../account/key.ts";
import type { Configuration } from "../config/load.ts";
import { currenciesOf } from "../config/prices.ts";
import type { Rates } from "../pricing/rates.ts";
import { openBooks } from "./open-books.ts";
import { openRates } from "./open-rates.ts";
import { RoundKeeper } from "./round-keeper.ts";

export interface OnChainPorts {
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly log: Logger;
}

/** What the roles of one process have of the chain together. */
export interface ChainParts extends ChainAccess {
  readonly key: PrivateKey;
  /** Who is paid: the registered orchestrator, whoever holds the node's key. */
  readonly operator: Address;
  readonly rounds: FollowedRounds;
  readonly senders: FollowedSenders;
  readonly activity: FollowedActivity;
  readonly gas: GasPriceMonitor;
  readonly broker: TicketBroker;
  readonly transactions: Transactions;
  readonly signatures: SignatureThreads;
  readonly store: PaymentStore;
  readonly ledger: Ledger;
  readonly rates: Rates;
  /** The orchestrators of the network; `undefined` where no role looks for them there. */
  readonly pool: FollowedPool | undefined;
}

/**
 * A node's side of the chain: its key, the chain followed, its books. Started before the roles that use it and stopped
 * after them.
 *
 * `start` refuses what could not be put right later, each with what to do about it: no key, the wrong chain, books of
 * another chain, books that are damaged or in use.
 */
export class OnChain implements Startable {
  readonly #configuration: Configuration;
  readonly #ports: OnChainPorts;
  /** In the order of their starting. */
  readonly #started: (() => Promise<void>)[] = [];
  readonly #stopping = new AbortController();
  #parts: ChainParts | undefined;

  constructor(configuration: Configuration, ports: OnChainPorts) {
    this.#configuration = configuration;
    this.#ports = ports;
  }

  /** Only while it is started. */
  get parts(): ChainParts {
    invariant(this.#parts !== undefined, "the chain is reached before the roles start");
    return this.#parts;
  }

  async start(): Promise<void> {
    const { settings, prices } = this.#configuration;
    const { clock, log, randomness } = this.#ports;
    const { signal } = this.#stopping;
    const network = networkOf(settings);
    const { chain } = settings;
    const endpoints = endpointsOf(chain, network, this.#ports);
    const key = await openKey(chain);
    const books = await this.#own(
      await openBooks({ dataDir: settings.dataDir, chainId: network.chainId }, this.#ports),
      (it) => it.close(),
    );
    const contracts = await resolveContracts(network, endpoints, signal);
    const access = { network, settings: chain, endpoints, contracts };
    const rates = await this.#own(await openRates(currenciesIn(prices), access, this.#ports), (it) => it.stop());
    const operator = chain.operator ?? key.address;
    const at = () => watcher.head?.number ?? "latest";
    const ports = { contracts, endpoints, log, at };
    const rounds = new FollowedRounds(contracts, endpoints);
    const senders = new FollowedSenders(operator, ports);
    const activity = new FollowedActivity(ports);
    const gas = new GasPriceMonitor({ minimum: network.minGasPrice, maximum: chain.maxGasPrice }, { endpoints, clock });
    const pool = this.#findsOnChain
      ? new FollowedPool(contracts.aiServiceRegistry ?? contracts.serviceRegistry, { contracts, endpoints })
      : undefined;
    const followers: readonly Follower[] = [rounds, senders, activity, gas, ...(pool === undefined ? [] : [pool])];
    const watcher: BlockWatcher = new BlockWatcher({ pollInterval: network.pollInterval }, followers, {
      endpoints,
      clock,
      log,
    });
    await this.#run(watcher);
    const signatures = await this.#run(new SignatureThreads({}, { log }));
    const transactions = transactionsOf(access, key, this.#ports);
    const validity = await endpoints.request(contracts.ticketBroker.read("ticketValidityPeriod", []), signal);
    const broker = new TicketBroker(network, validity, { contracts, endpoints, transactions });
    const ledger = await this.#run(new Ledger({ store: books.payments, clock, log }));
    if (chain.initializeRound)
      await this.#run(
        new RoundKeeper(chain.initializeRoundMaxDelay, { rounds, contracts, transactions, clock, randomness, log }),
      );
    this.#parts = {
      ...access,
      key,
      operator,
      rounds,
      senders,
      activity,
      gas,
      broker,
      transactions,
      signatures,
      store: books.payments,
      ledger,
      rates,
      pool,
    };
    log.info("chain reached", {
      network: network.name,
      account: key.address,
      round: rounds.lastInitializedRound,
      block: rounds.l1Block,
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the node is stopping"));
    const failures: unknown[] = [];
    for (const stop of this.#started.splice(0).toReversed()) await stop().catch((error) => failures.push(error));
    if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures);
  }

  /** Whether a role of this process looks for orchestrators on the chain. */
  get #findsOnChain(): boolean {
    const { roles, settings } = this.#configuration;
    const { gateway, signer } = settings;
    const isGateway =
      roles.includes("gateway") && gateway.orchestrators.length === 0 && gateway.orchestratorsWebhook === undefined;
    return isGateway || (roles.includes("signer") && signer.discovery && signer.orchestrators.length === 0);
  }

  async #run<T extends Startable>(part: T): Promise<T> {
    this.#started.push(() => part.stop());
    this.#stopping.signal.throwIfAborted();
    await part.start();
    return part;
  }

  async #own<T>(thing: T, close: (thing: T) => Promise<void>): Promise<T> {
    this.#started.push(() => close(thing));
    return thing;
  }
}

function currenciesIn({ orchestrator, gateway, signer }: Configuration["prices"]): ReadonlySet<string> {
  return new Set([orchestrator, gateway, signer].flatMap((prices) => [...currenciesOf(prices)]));
}
