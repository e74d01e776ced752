import { keccak256, keySigner, rawSign, recoverSigner } from "@rivulet/crypto";
import { Gateway, type JobRecord, LocalPayer } from "@rivulet/gateway";
import { type Executor, fixedPrices, Orchestrator } from "@rivulet/orchestrator";
import {
  Ledger,
  MemoryPaymentStore,
  type PeerTotals,
  Recipient,
  RedemptionQueue,
  Sender,
  SenderMonitor,
} from "@rivulet/payments";
import { batchPipelines, type Pipeline } from "@rivulet/pipelines";
import { type Logger, ms, Rational, seconds, silentLogger, wei } from "@rivulet/primitives";
import { MemoryChain, seededRandomness, TestClock, turn } from "@rivulet/testkit";
import { batchManifestId } from "@rivulet/wire";

export const MODEL = "any/model";
const TICKET_VALUE = 10n ** 12n;
const ETHER = 10n ** 18n;
const LOOPBACK = { host: "127.0.0.1", port: 0 } as const;
/** An account's key is its name, hashed. */
const SENDER_KEY = keccak256(Buffer.from("gateway"));
const SENDER = keySigner(SENDER_KEY).address;
const RECIPIENT = keySigner(keccak256(Buffer.from("orchestrator"))).address;

/** What a unit costs, by pipeline. */
export type Prices = Readonly<Record<string, Rational>>;

function capabilityOf({ capability }: Pipeline): number {
  if (capability.kind !== "network") throw new Error("not a pipeline of the network");
  return capability.id;
}

/** Both roles as they are, in one process: what lies between them is loopback, and the chain is in memory. */
export class PaidNetwork implements AsyncDisposable {
  readonly clock = new TestClock();
  readonly chain = new MemoryChain({ roundLength: 10_000n });
  readonly stories: JobRecord[] = [];
  /** What either role logged as an error. */
  readonly errors: string[] = [];
  readonly #log: Logger = { ...silentLogger, error: (event) => this.errors.push(event) };
  readonly #payerStore = new MemoryPaymentStore();
  readonly #payer: Ledger;
  readonly #payee: Ledger;
  readonly #orchestrator: Orchestrator;
  #gateway: Gateway | undefined;

  private constructor(prices: Prices, executor: Executor) {
    const { chain, clock } = this;
    const log = this.#log;
    chain.activate(RECIPIENT, chain.currentRound);
    chain.fund(SENDER, { deposit: ETHER, reserve: ETHER });
    this.#payer = new Ledger({ store: this.#payerStore, clock, log });
    const store = new MemoryPaymentStore();
    this.#payee = new Ledger({ store, clock, log });
    const senders = chain.sendersFor(RECIPIENT);
    const monitor = new SenderMonitor({ senders, rounds: chain });
    const queue = new RedemptionQueue(
      {},
      {
        store,
        broker: chain.brokerFor(RECIPIENT),
        rounds: chain,
        senders,
        activity: chain,
        gas: chain.gas,
        monitor,
        clock,
      },
    );
    const recipient = new Recipient(
      { address: RECIPIENT, ticketValue: wei(TICKET_VALUE), maxFaceValue: wei(0n), redemptionGas: 350_000n },
      {
        rounds: chain,
        senders,
        floats: monitor,
        gasPrice: chain.gas,
        activity: chain,
        recovery: { recover: async (all) => all.map(({ hash, signature }) => recoverSigner(hash, signature)) },
        store,
        ledger: this.#payee,
        winners: queue,
        clock,
        randomness: seededRandomness(1),
        log,
      },
    );
    const rows = batchPipelines.map((pipeline) => ({
      capability: capabilityOf(pipeline),
      model: MODEL,
      gateway: "default" as const,
      weiPerUnit: prices[pipeline.name] ?? Rational.ZERO,
    }));
    this.#orchestrator = new Orchestrator(
      { listenClearText: LOOPBACK },
      {
        clock,
        randomness: seededRandomness(2),
        log,
        executor,
        payments: {
          recipient,
          ledger: this.#payee,
          prices: fixedPrices({ rows, base: new Map() }),
          parts: [this.#payee, recipient, queue],
        },
      },
    );
  }

  static async open(prices: Prices, executor: Executor): Promise<PaidNetwork> {
    const network = new PaidNetwork(prices, executor);
    await network.#start();
    return network;
  }

  async #start(): Promise<void> {
    const { clock, chain, stories } = this;
    const log = this.#log;
    await this.#orchestrator.start();
    await this.#payer.start();
    const sender = new Sender(
      { maxTicketValue: wei(3n * TICKET_VALUE), maxTotalValue: wei(100n * TICKET_VALUE), depositMultiplier: 1n },
      {
        rounds: chain,
        senders: chain.sendersFor(SENDER),
        signer: { address: SENDER, sign: async (hashes) => hashes.map((hash) => rawSign(SENDER_KEY, hash)) },
        store: this.#payerStore,
        clock,
      },
    );
    const payer = new LocalPayer({
      signer: keySigner(SENDER_KEY),
      sender,
      ledger: this.#payer,
      rounds: chain,
      clock,
    });
    const gateway = new Gateway(
      {
        listen: LOOPBACK,
        orchestrators: { kind: "list", addresses: [this.#orchestrator.serviceUri] },
        stopGrace: ms(1),
      },
      { clock, randomness: seededRandomness(3), log, payer, onJob: (story) => stories.push(story) },
    );
    this.#gateway = gateway;
    await gateway.start();
    while (gateway.network.orchestrators.length === 0) await turn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stopped = this.#gateway?.stop();
    await turn();
    await this.clock.advance(seconds(1));
    await stopped;
    await this.#payer.stop();
    await this.#orchestrator.stop();
  }

  get url(): string {
    return this.#gateway?.address.url ?? "";
  }

  /** What each side has on its account of a pipeline. */
  balances(pipeline: Pipeline): { readonly payer: Rational | undefined; readonly payee: Rational | undefined } {
    const id = batchManifestId(capabilityOf(pipeline), MODEL);
    return {
      payer: this.#payer.balance({ side: "payer", peer: RECIPIENT, id: `${id} ${this.#orchestrator.serviceUri}` }),
      payee: this.#payee.balance({ side: "payee", peer: SENDER, id }),
    };
  }

  /** Everything that was ever booked, on both sides. */
  async totals(): Promise<{ readonly payer: PeerTotals | undefined; readonly payee: PeerTotals | undefined }> {
    const [[payer], [payee]] = await Promise.all([this.#payer.totals(), this.#payee.totals()]);
    return { payer, payee };
  }
}
