import { MAX_NONCES, MAX_SIGNED_TICKETS, type TicketBatch, type TicketParams, ticketValue } from "@rivulet/payments";
import { invariant, type Milliseconds, orAborted, type Rational, RivuletError } from "@rivulet/primitives";
import {
  decodePayment,
  decodeSegmentCredentials,
  encodeCapabilities,
  encodeOrchestratorInfo,
  encodePayment,
  encodeSegmentCredentials,
} from "@rivulet/wire";
import type { Terms } from "../terms.ts";
import { manifestIdOf } from "./credentials.ts";
import type { Order, Outcome } from "./payer.ts";
import type { SignerAnswer, SignerClient, SignerState } from "./signer-client.ts";

/** More tickets than these calls bring are more than a recipient takes. */
const MOST_CALLS = BigInt(Math.floor(MAX_NONCES / MAX_SIGNED_TICKETS));

/** What a signer signed for one job, as headers. */
export interface SignedHeaders {
  readonly payment: string;
  readonly credentials: string;
  readonly tickets: number;
}

/** An order whose terms were found acceptable, with parameters for tickets. */
export interface PayableOrder {
  readonly order: Order;
  readonly terms: Terms;
  readonly params: TicketParams;
}

/**
 * What we have going with a signer about one orchestrator and model. One call at a time: each needs the state that the one
 * before brought.
 */
export class SignerConversation {
  readonly #client: SignerClient;
  #state: SignerState | undefined;
  /** Units of work that credit at the orchestrator paid for and the signer has not been told of; below zero, units it was told of that were not done. */
  #untold = 0n;
  /** What of it the step under way tells; jobs that end meanwhile change the rest. */
  #telling = 0n;
  /** The credentials that the signer last signed: the signature is over the manifest id alone. */
  #credentials: string | undefined;
  /** The parameters it last signed tickets for. */
  #params: string | undefined;
  #usedAt: Milliseconds;
  #last: Promise<unknown> = Promise.resolve();

  constructor(client: SignerClient, now: Milliseconds) {
    this.#client = client;
    this.#usedAt = now;
  }

  /** Notes that it is used, and how long it was not. */
  touch(now: Milliseconds): number {
    const idle = now - this.#usedAt;
    this.#usedAt = now;
    return idle;
  }

  /** Begins anew: what was between us counts no more. */
  forget(): void {
    this.#state = undefined;
    this.#untold = 0n;
    this.#telling = 0n;
  }

  /**
   * The next step, after those under way; whoever leaves the queue leaves its place in it. Throws what the signer refuses
   * with, "payment.params-expired" when fresh parameters are needed, "payment.nonces-exhausted" for a job of more tickets than
   * one set of parameters has, and the signal's reason.
   */
  sign(order: PayableOrder, signal: AbortSignal): Promise<SignedHeaders> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const called = this.#last.then(() => this.#sign(order, signal));
    this.#last = called.catch(() => {});
    return orAborted(called, signal);
  }

  /** What the signer was told, or will be told, is work that was done. */
  settle(outcome: Outcome, { amount, price, hasTickets }: Settled): void {
    if (outcome.kind === "void") this.forget();
    else if (outcome.kind === "charged") this.#untold -= amount - outcome.fee.dividedBy(price).ceil();
    else if (outcome.kind === "unsent" && !hasTickets) this.#untold -= amount;
  }

  async #sign(payable: PayableOrder, signal: AbortSignal): Promise<SignedHeaders> {
    signal.throwIfAborted();
    const { order, terms, params } = payable;
    this.#telling = this.#untold;
    const units = order.work.amount + this.#telling;
    if (units <= 0n) return this.#fromCredit(payable, units);
    const hash = Buffer.from(params.recipientRandHash).toString("hex");
    // Its nonces begin anew with a new state, so it must not see the same parameters again.
    if (this.#state === undefined && this.#params === hash)
      throw new RivuletError("payment.params-expired", { reason: "used with a state that is gone" });
    const most = unitsOfOneCall(params, terms.price);
    if (units > most * MOST_CALLS)
      throw new RivuletError("payment.nonces-exhausted", {
        reason: `a recipient takes ${MAX_NONCES} tickets for one set of parameters`,
      });
    const signed: string[] = [];
    let left = units;
    for (let covered = 0n; left > 0n; ) {
      const part = left < covered + most ? left : covered + most;
      const answer = await this.#ask(payable, part, signal);
      if (answer.kind === "signed") {
        signed.push(answer.payment);
        left -= part;
        covered = 0n;
        this.#params = hash;
      } else if (answer.kind === "nothing-to-pay") {
        if (part === left) break;
        covered = part;
      } else if (answer.isAboutState && this.#state !== undefined && signed.length === 0) {
        this.forget();
        return this.#sign(payable, signal);
      } else {
        throw answer.error;
      }
    }
    const credentials = this.#credentials;
    const [payment, ...more] = signed;
    if (payment === undefined || credentials === undefined) return this.#fromCredit(payable, left);
    this.#leave(left);
    return { credentials, ...(more.length === 0 ? whole(payment) : joined(signed)) };
  }

  /** Ends a step after which `units` are still to be told. */
  #leave(units: bigint): void {
    this.#untold += units - this.#telling;
    this.#telling = 0n;
  }

  async #ask({ order, terms }: PayableOrder, units: bigint, signal: AbortSignal): Promise<SignerAnswer> {
    const question = {
      ...(this.#state && { state: this.#state }),
      orchestrator: base64(encodeOrchestratorInfo(terms.info)),
      ManifestID: manifestIdOf(order.pipeline, order.model),
      inPixels: wholeNumber(units),
      capabilities: base64(encodeCapabilities(order.capabilities)),
    };
    const answer = await this.#client.payment(question, signal);
    if (answer.kind === "signed") {
      this.#state = answer.state;
      this.#credentials = answer.credentials;
    }
    return answer;
  }

  /** Says who pays and at what price; the signature of the credentials is one that we have. */
  async #fromCredit({ order, terms }: PayableOrder, units: bigint): Promise<SignedHeaders> {
    const credentials = this.#credentials;
    if (credentials === undefined)
      throw new RivuletError("signer.rejected", { reason: "it has credit for work that was never paid for" });
    this.#leave(units);
    const { address: sender } = await this.#client.identity();
    return {
      payment: encodePayment({ sender, expectedPrice: terms.price }),
      credentials: encodeSegmentCredentials({
        ...decodeSegmentCredentials(credentials),
        capabilities: order.capabilities,
        authToken: terms.token,
      }),
      tickets: 0,
    };
  }
}

interface Settled {
  readonly amount: bigint;
  readonly price: Rational;
  readonly hasTickets: boolean;
}

/** Units whose fee takes no more tickets than a signer signs in one call, whatever it knows of the account. */
function unitsOfOneCall(params: TicketParams, price: Rational): bigint {
  const units = ticketValue(params).times(BigInt(MAX_SIGNED_TICKETS)).dividedBy(price).floor();
  return units > 1n ? units : 1n;
}

function whole(payment: string): Pick<SignedHeaders, "payment" | "tickets"> {
  return { payment, tickets: decodePayment(payment).tickets?.signed.length ?? 0 };
}

/** The tickets of several calls as one payment: of the same parameters, as they were told one round. */
function joined(payments: readonly string[]): Pick<SignedHeaders, "payment" | "tickets"> {
  const [first, ...others] = payments.map((text) => decodePayment(text));
  const tickets = first?.tickets;
  if (first === undefined || tickets === undefined)
    throw new RivuletError("signer.rejected", { reason: "a payment without tickets" });
  const signed = [first, ...others].flatMap((payment) => {
    if (payment.tickets === undefined || !isSameRound(payment.tickets, tickets))
      throw new RivuletError("payment.params-expired", { reason: "a round began between two calls of one job" });
    return payment.tickets.signed;
  });
  return { payment: encodePayment({ ...first, tickets: { ...tickets, signed } }), tickets: signed.length };
}

function isSameRound({ expiration: a }: TicketBatch, { expiration: b }: TicketBatch): boolean {
  return (
    a.creationRound === b.creationRound && Buffer.compare(a.creationRoundBlockHash, b.creationRoundBlockHash) === 0
  );
}

function wholeNumber(units: bigint): number {
  invariant(units <= BigInt(Number.MAX_SAFE_INTEGER), "work is counted in numbers that JSON has");
  return Number(units);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
