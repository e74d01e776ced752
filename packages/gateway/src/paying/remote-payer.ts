import { ticketValue } from "@rivulet/payments";
import { type Clock, feeFor, minutes, Rational, RivuletError } from "@rivulet/primitives";
import { PAYMENT_HEADER, SEGMENT_HEADER } from "@rivulet/wire";
import { type Dispatcher, getGlobalDispatcher } from "undici";
import { manifestIdOf } from "./credentials.ts";
import { acceptableTerms, FirstPrices } from "./first-prices.ts";
import type { Identity, Objection, Order, PaidRequest, Payer, Peer } from "./payer.ts";
import { type SignerAddress, SignerClient } from "./signer-client.ts";
import { SignerConversation } from "./signer-conversation.ts";

export interface RemoteSignerPayerPorts {
  /** Absent: one that verifies certificates, as those of orchestrators are not. */
  readonly dispatcher?: Dispatcher | undefined;
  readonly clock: Clock;
}

/** Without a chain nobody says when parameters grow old: half of their forty blocks. Source: payments 4.5. */
const RENEW_EVERY = minutes(4);
/** A little less than orchestrators remember credit. Source: payments 6.5. */
const IDLE = minutes(9);
const MAX_CONVERSATIONS = 10_000;

/**
 * Pays through a signer elsewhere that has the key. It keeps no state of ours: what it answers goes back to it with the next
 * call, one call at a time for each orchestrator and model. Where credit suffices it signs nothing; the units are told to it
 * with the next call that needs tickets. A job of more tickets than it signs at a time takes several calls. Source: payments 17.
 */
export class RemoteSignerPayer implements Payer {
  readonly wantsTerms = true;
  readonly renewEvery = RENEW_EVERY;
  readonly #clock: Clock;
  readonly #client: SignerClient;
  readonly #first: FirstPrices;
  /** Used longest ago first. */
  readonly #conversations = new Map<string, SignerConversation>();

  constructor(signer: SignerAddress, ports: RemoteSignerPayerPorts) {
    this.#clock = ports.clock;
    this.#client = new SignerClient(signer, ports.dispatcher ?? getGlobalDispatcher());
    this.#first = new FirstPrices(ports.clock);
  }

  /** Throws "signer.unavailable", "signer.rejected". */
  identity(): Promise<Identity> {
    return this.#client.identity();
  }

  async assertSolvent(): Promise<void> {
    await this.identity();
  }

  async check(): Promise<void> {}

  objection({ offer }: Peer): Objection | undefined {
    if (offer.objection !== undefined) return offer.objection;
    return offer.terms === undefined ? { code: "payment.price-missing", reason: "no terms were told" } : undefined;
  }

  async pay(order: Order, signal: AbortSignal): Promise<PaidRequest> {
    const terms = acceptableTerms(order, this.#first);
    const { price, params } = terms;
    if (params === undefined || price.compare(Rational.ZERO) === 0)
      throw new RivuletError("payment.price-missing", { reason: "signers sign nothing for work that costs nothing" });
    const conversation = this.#conversation(order);
    const { amount } = order.work;
    const signed = await conversation.sign({ order, terms, params }, signal);
    signal.throwIfAborted();
    this.#first.paid(order, terms);
    return {
      headers: {
        [SEGMENT_HEADER]: signed.credentials,
        [PAYMENT_HEADER]: signed.payment,
      },
      payment: {
        price,
        units: amount,
        fee: feeFor({ unit: order.pipeline.unit, weiPerUnit: price }, order.work),
        tickets: signed.tickets,
        expectedValue: ticketValue(params).times(BigInt(signed.tickets)),
      },
      settle: (outcome) => conversation.settle(outcome, { amount, price, hasTickets: signed.tickets > 0 }),
    };
  }

  isDue(): boolean {
    return false;
  }

  isOver(): boolean {
    return false;
  }

  onDue(): Disposable {
    return { [Symbol.dispose]() {} };
  }

  #conversation(order: Order): SignerConversation {
    const key = `${order.session.uri} ${manifestIdOf(order.pipeline, order.model)}`;
    const now = this.#clock.monotonic();
    const conversation = this.#conversations.get(key) ?? new SignerConversation(this.#client, now);
    if (conversation.touch(now) > IDLE) conversation.forget();
    this.#conversations.delete(key);
    this.#conversations.set(key, conversation);
    for (const oldest of this.#conversations.keys()) {
      if (this.#conversations.size <= MAX_CONVERSATIONS) break;
      this.#conversations.delete(oldest);
    }
    return conversation;
  }
}
