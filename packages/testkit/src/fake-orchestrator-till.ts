import { type Address, recoverSigner } from "@rivulet/crypto";
import { type AcceptedPayment, Ledger, MemoryPaymentStore, Recipient, SenderMonitor } from "@rivulet/payments";
import {
  type Clock,
  errorBody,
  httpOf,
  isError,
  type Logger,
  type Randomness,
  Rational,
  RivuletError,
  type Startable,
  type Wei,
  wei,
} from "@rivulet/primitives";
import {
  chargeHeaders,
  decodePayment,
  decodeSegmentCredentials,
  legacyPhraseOf,
  type OrchestratorInfo,
  type OrchestratorRequest,
  PAYMENT_HEADER,
  SEGMENT_HEADER,
} from "@rivulet/wire";
import type { FakeJob, FakeOrchestrator } from "./fake-orchestrator.ts";
import type { MemoryChain } from "./memory-chain.ts";

export interface FakeTillOptions {
  /** Who is paid. Becomes active on the chain at once. */
  readonly address: Address;
  /** Wei for a unit of everything. */
  readonly price: Rational;
  readonly ticketValue?: Wei;
}

export interface FakeTillPorts {
  readonly chain: MemoryChain;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly log: Logger;
}

/** An order of what our own orchestrators advertise by default. */
const USUAL_VALUE = wei(10n ** 12n);
const REDEMPTION_GAS = 350_000n;

/**
 * The money of a fake orchestrator: tells terms, takes tickets through a real recipient, keeps a real ledger. Prices can be
 * changed at any time; the last two that were told are honoured.
 */
export class FakeTill implements Startable {
  price: Rational;
  /** Payments that were taken, in their order. */
  readonly accepted: AcceptedPayment[] = [];
  readonly ledger: Ledger;
  readonly recipient: Recipient;
  readonly #options: FakeTillOptions;
  readonly #floats: SenderMonitor;
  #quotes: readonly Rational[] = [];

  constructor(options: FakeTillOptions, { chain, clock, randomness, log }: FakeTillPorts) {
    const { address, ticketValue = USUAL_VALUE } = options;
    this.#options = options;
    this.price = options.price;
    chain.activate(address, chain.currentRound);
    const store = new MemoryPaymentStore();
    const senders = chain.sendersFor(address);
    this.#floats = new SenderMonitor({ senders, rounds: chain });
    this.ledger = new Ledger({ store, clock, log });
    this.recipient = new Recipient(
      { address, ticketValue, maxFaceValue: wei(0n), redemptionGas: REDEMPTION_GAS },
      {
        rounds: chain,
        senders,
        floats: this.#floats,
        gasPrice: chain.gas,
        activity: chain,
        recovery: {
          recover: async (signed) => signed.map(({ hash, signature }) => recoverSigner(hash, signature)),
        },
        store,
        ledger: this.ledger,
        winners: { add: () => {} },
        clock,
        randomness,
        log,
      },
    );
  }

  async start(): Promise<void> {
    await this.ledger.start();
    await this.recipient.start();
  }

  async stop(): Promise<void> {
    await this.recipient.stop();
    await this.ledger.stop();
    this.#floats[Symbol.dispose]();
  }

  /** Makes an orchestrator tell this till's terms. */
  attach(orchestrator: FakeOrchestrator): void {
    orchestrator.onQuestion = (info, request) => this.#terms(info, request);
  }

  /** What was credited to a sender and not yet charged, over all its accounts. */
  balance(sender: Address, id: string): Rational {
    return this.ledger.balance({ side: "payee", peer: sender, id }) ?? Rational.ZERO;
  }

  /** Takes the payment of a job, lets it be done if it is covered, charges it, and refuses it as orchestrators do. */
  async sell(job: FakeJob, units: bigint, work: (headers: Record<string, string>) => unknown): Promise<void> {
    try {
      const payment = decodePayment(String(job.headers[PAYMENT_HEADER] ?? ""));
      const { manifestId } = decodeSegmentCredentials(String(job.headers[SEGMENT_HEADER] ?? ""));
      const accepted = await this.recipient.accept(payment, {
        id: manifestId,
        quoted: (expected) => this.#quotes.find((quote) => quote.compare(expected) <= 0),
      });
      this.accepted.push(accepted);
      if (accepted.refusal !== undefined) throw accepted.refusal;
      const { price } = accepted;
      const cost = price.times(units);
      using hold = this.ledger.hold(accepted.account, cost);
      await work({ ...chargeHeaders({ units, price, cost }) });
      await hold.settle(cost);
    } catch (error) {
      refuse(job, error);
    }
  }

  async #terms(info: OrchestratorInfo, { address: sender, capabilities }: OrchestratorRequest) {
    const { price } = this;
    const ticketParams = await this.recipient.issue(sender, price).catch((error: unknown) => {
      throw new Error(legacyPhraseOf(error), { cause: error });
    });
    if (capabilities !== undefined)
      this.#quotes = [price, ...this.#quotes.filter((quote) => quote.compare(price) !== 0)].slice(0, 2);
    return { ...info, address: this.#options.address, price, ticketParams };
  }
}

function refuse({ response }: FakeJob, error: unknown): void {
  const ours = isError(error) ? error : new RivuletError("internal", {}, { cause: error });
  response.writeHead(httpOf(ours), { "content-type": "application/json" });
  response.end(JSON.stringify(errorBody(ours)));
}
