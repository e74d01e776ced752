import { type Chain, connectChain, memoryAccount, type PrivateKey } from "@rivulet/chain";
import { type Address, SignatureThreads } from "@rivulet/crypto";
import { Ledger, type PaymentStore } from "@rivulet/payments";
import { type Clock, invariant, type Logger, type Randomness, type Startable } from "@rivulet/primitives";
import type { Settings } from "@rivulet/store";
import { chainOptions } from "../account/chain-access.ts";
import { openKey } from "../account/key.ts";
import type { Configuration } from "../config/load.ts";
import { currenciesOf } from "../config/prices.ts";
import { type Rates, ratesOf } from "../pricing/rates.ts";
import { openBooks } from "./open-books.ts";
import { RewardCaller } from "./reward-caller.ts";
import { RoundKeeper } from "./round-keeper.ts";

export interface OnChainPorts {
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly log: Logger;
}

/** What the roles of one process have of the chain together. */
export interface ChainParts {
  readonly chain: Chain;
  readonly key: PrivateKey;
  /** Who is paid: the registered orchestrator, whoever holds the node's key. */
  readonly operator: Address;
  readonly signatures: SignatureThreads;
  readonly store: PaymentStore;
  /** Small facts that outlive a restart. */
  readonly notes: Settings;
  readonly ledger: Ledger;
  readonly rates: Rates;
  /** Whether the chain's pool of orchestrators is followed. */
  readonly hasPool: boolean;
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
  /** How what has started is stopped, in the order of starting. */
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
    const options = chainOptions(settings);
    const key = await openKey(settings.chain);
    const operator = settings.chain.operator ?? key.address;
    const books = await openBooks({ dataDir: settings.dataDir, chainId: options.network.chainId }, this.#ports);
    this.#started.push(() => books.close());
    const chain = await this.#run(
      await connectChain(
        { ...options, recipient: operator, followsPool: this.#findsOnChain, followsPrices: hasCurrencies(prices) },
        { clock, log, account: memoryAccount(key) },
        this.#stopping.signal,
      ),
    );
    const signatures = await this.#run(new SignatureThreads({}, { log }));
    const ledger = await this.#run(new Ledger({ store: books.payments, clock, log }));
    const { initializeRound, initializeRoundMaxDelay } = settings.chain;
    if (initializeRound)
      await this.#run(new RoundKeeper(initializeRoundMaxDelay, { ...chain, clock, randomness, log }));
    if (this.#mintsRewards(operator, key)) await this.#run(new RewardCaller({ ...chain, log }));
    const rates = ratesOf(chain.prices);
    this.#parts = {
      chain,
      key,
      operator,
      signatures,
      store: books.payments,
      notes: books.settings,
      ledger,
      rates,
      hasPool: this.#findsOnChain,
    };
    log.info("chain reached", {
      network: chain.network.name,
      account: key.address,
      round: chain.rounds.lastInitializedRound,
      block: chain.rounds.l1Block,
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
    const hasList = gateway.orchestrators.length > 0 || gateway.orchestratorsWebhook !== undefined;
    return (roles.includes("gateway") && !hasList) || (roles.includes("signer") && signer.remoteDiscovery);
  }

  /** Only the operator's own key can call for its rewards, and one of its nodes is enough. */
  #mintsRewards(operator: Address, key: PrivateKey): boolean {
    const { roles, settings } = this.#configuration;
    return settings.chain.reward && roles.includes("orchestrator") && operator === key.address;
  }

  async #run<T extends Startable>(part: T): Promise<T> {
    this.#started.push(() => part.stop());
    this.#stopping.signal.throwIfAborted();
    await part.start();
    return part;
  }
}

function hasCurrencies({ orchestrator, gateway, signer }: Configuration["prices"]): boolean {
  return [orchestrator, gateway, signer].some((prices) => currenciesOf(prices).size > 0);
}
