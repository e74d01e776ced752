import { address } from "@rivulet/crypto";
import { ticketValue } from "@rivulet/payments";
import {
  type Clock,
  feeFor,
  invariant,
  type Milliseconds,
  minutes,
  Rational,
  RivuletError,
  seconds,
} from "@rivulet/primitives";
import {
  decodePayment,
  decodeSegmentCredentials,
  encodeCapabilities,
  encodeOrchestratorInfo,
  encodePayment,
  encodeSegmentCredentials,
  PAYMENT_HEADER,
  RIVULET_HEADER,
  SEGMENT_HEADER,
} from "@rivulet/wire";
import { type Dispatcher, getGlobalDispatcher } from "undici";
import { askUrl } from "../http/ask.ts";
import { readBounded } from "../http/read-bounded.ts";
import type { Terms } from "../terms.ts";
import { manifestIdOf } from "./credentials.ts";
import { acceptableTerms, FirstPrices } from "./first-prices.ts";
import type { Identity, Objection, Order, Outcome, PaidRequest, Payer, Peer } from "./payer.ts";

export interface RemoteSignerPayerOptions {
  /** Where the signer answers, with its scheme. */
  readonly url: string;
  /** For the signer alone: they go with no other request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Of the software. */
  readonly version: string;
}

export interface RemoteSignerPayerPorts {
  /** Absent: one that verifies certificates, as those of orchestrators are not. */
  readonly dispatcher?: Dispatcher | undefined;
  readonly clock: Clock;
}

/** What a signer wants back with the next call, as it came. */
interface State {
  readonly State: string;
  readonly Sig: string;
}

/** What we have going with the signer about one orchestrator and model. */
interface Conversation {
  state: State | undefined;
  /** Units of work that credit at the orchestrator paid for and the signer has not been told of; below zero, units it was told of that were not done. */
  untold: bigint;
  /** The credentials that the signer last signed: the signature is over the manifest id alone. */
  credentials: string | undefined;
  /** The parameters it last signed tickets for. */
  params: string | undefined;
  usedAt: Milliseconds;
  /** The call under way: each needs the state that the one before brought. */
  last: Promise<void>;
}

interface Signed {
  readonly payment: string;
  readonly credentials: string;
  readonly tickets: number;
}

const TIMEOUT = seconds(5);
/** A hundred tickets and the state. */
const MAX_ANSWER_BYTES = 1 << 20;
/** Without a chain nobody says when parameters grow old: half of their forty blocks. Source: payments 4.5. */
const RENEW_EVERY = minutes(4);
/** A little less than orchestrators remember credit. Source: payments 6.5. */
const IDLE = minutes(9);
const MAX_CONVERSATIONS = 10_000;

/** The answers of a signer that mean something. Source: payments 17.2. */
const REFRESH = 480;
const PRICE_EXCEEDED = 481;
const NOTHING_TO_PAY = 482;
const BUDGET_EXHAUSTED = 483;

/**
 * Pays through a signer elsewhere that has the key. It keeps no state of ours: what it answers goes back to it with the next
 * call, one call at a time for each orchestrator and model. Where credit suffices it signs nothing; the units are told to it
 * with the next call that needs tickets. Source: payments 17.
 */
export class RemoteSignerPayer implements Payer {
  readonly wantsTerms = true;
  readonly renewEvery = RENEW_EVERY;
  readonly #options: RemoteSignerPayerOptions;
  readonly #clock: Clock;
  readonly #dispatcher: Dispatcher;
  readonly #first: FirstPrices;
  readonly #conversations = new Map<string, Conversation>();
  #identity: Promise<Identity> | undefined;

  constructor(options: RemoteSignerPayerOptions, ports: RemoteSignerPayerPorts) {
    this.#options = options;
    this.#clock = ports.clock;
    this.#dispatcher = ports.dispatcher ?? getGlobalDispatcher();
    this.#first = new FirstPrices(ports.clock);
  }

  /** Asked once: the signature has neither nonce nor end. Throws "signer.unavailable", "signer.rejected". */
  identity(): Promise<Identity> {
    this.#identity ??= this.#askIdentity().catch((error: unknown) => {
      this.#identity = undefined;
      throw error;
    });
    return this.#identity;
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
    const signed = await inTurn(conversation, () => this.#sign(conversation, order, terms, signal), signal);
    signal.throwIfAborted();
    this.#first.paid(order, terms);
    return {
      headers: {
        [SEGMENT_HEADER]: signed.credentials,
        [PAYMENT_HEADER]: signed.payment,
        [RIVULET_HEADER]: this.#options.version,
      },
      payment: {
        price,
        units: amount,
        fee: feeFor({ unit: order.pipeline.unit, weiPerUnit: price }, order.work),
        tickets: signed.tickets,
        expectedValue: ticketValue(params).times(BigInt(signed.tickets)),
      },
      settle: (outcome) => settle(conversation, outcome, { amount, price, hasTickets: signed.tickets > 0 }),
    };
  }

  isDue(): boolean {
    return false;
  }

  onDue(): Disposable {
    return { [Symbol.dispose]() {} };
  }

  async #askIdentity(): Promise<Identity> {
    const { status, json } = await this.#call("sign-orchestrator-info", {}, AbortSignal.timeout(TIMEOUT));
    const { address: account, signature } = json;
    if (status !== 200 || typeof account !== "string" || typeof signature !== "string") throw refusalOf(status, json);
    return { address: address(account), signature: Uint8Array.from(Buffer.from(signature.slice(2), "hex")) };
  }

  /** The next step of a conversation. */
  async #sign(conversation: Conversation, order: Order, terms: Terms, signal: AbortSignal): Promise<Signed> {
    signal.throwIfAborted();
    const units = order.work.amount + conversation.untold;
    if (units <= 0n) return this.#fromCredit(conversation, order, terms, units);
    const hash = Buffer.from(terms.params?.recipientRandHash ?? []).toString("hex");
    // Its nonces begin anew with a new state, so it must not see the same parameters again.
    if (conversation.state === undefined && conversation.params === hash)
      throw new RivuletError("payment.params-expired", { reason: "used with a state that is gone" });
    const question = {
      ...(conversation.state && { state: conversation.state }),
      orchestrator: base64(encodeOrchestratorInfo(terms.info)),
      ManifestID: manifestIdOf(order.pipeline, order.model),
      inPixels: wholeNumber(units),
      capabilities: base64(encodeCapabilities(order.capabilities)),
    };
    const { status, json } = await this.#call("generate-live-payment", question, signal);
    if (status === NOTHING_TO_PAY) return this.#fromCredit(conversation, order, terms, units);
    if (conversation.state !== undefined && isAboutState(status)) {
      conversation.state = undefined;
      conversation.untold = 0n;
      return this.#sign(conversation, order, terms, signal);
    }
    const { payment, segCreds, state } = json;
    if (status !== 200 || typeof payment !== "string" || typeof segCreds !== "string" || !isState(state))
      throw refusalOf(status, json);
    conversation.state = state;
    conversation.untold = 0n;
    conversation.params = hash;
    conversation.credentials = segCreds;
    const tickets = decodePayment(payment).tickets?.signed.length ?? 0;
    return { payment, credentials: segCreds, tickets };
  }

  /** Says who pays and at what price; the signature of the credentials is one that we have. */
  async #fromCredit(conversation: Conversation, order: Order, terms: Terms, units: bigint): Promise<Signed> {
    const { credentials } = conversation;
    if (credentials === undefined)
      throw new RivuletError("signer.rejected", { reason: "it has credit for work that was never paid for" });
    conversation.untold = units;
    const { address: sender } = await this.identity();
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

  async #call(path: string, question: unknown, signal: AbortSignal) {
    const { url, headers } = this.#options;
    const body = JSON.stringify(question);
    try {
      const answer = await askUrl(this.#dispatcher, new URL(path, url.endsWith("/") ? url : `${url}/`).href, {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body,
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]),
      });
      const text = (await readBounded(answer.body, MAX_ANSWER_BYTES)).toString("utf8");
      return { status: answer.statusCode, json: recordIn(text) };
    } catch (cause) {
      signal.throwIfAborted();
      throw new RivuletError("signer.unavailable", {}, { cause });
    }
  }

  #conversation(order: Order): Conversation {
    const key = `${order.session.uri} ${manifestIdOf(order.pipeline, order.model)}`;
    const now = this.#clock.monotonic();
    const known = this.#conversations.get(key);
    const conversation: Conversation = known ?? {
      state: undefined,
      untold: 0n,
      credentials: undefined,
      params: undefined,
      usedAt: now,
      last: Promise.resolve(),
    };
    if (now - conversation.usedAt > IDLE) {
      conversation.state = undefined;
      conversation.untold = 0n;
    }
    conversation.usedAt = now;
    this.#conversations.delete(key);
    this.#conversations.set(key, conversation);
    for (const oldest of this.#conversations.keys()) {
      if (this.#conversations.size <= MAX_CONVERSATIONS) break;
      this.#conversations.delete(oldest);
    }
    return conversation;
  }
}

/** One call after the other; whoever leaves the queue leaves its place in it. Throws the signal's reason. */
async function inTurn<T>(conversation: Conversation, call: () => Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const called = conversation.last.then(call);
  conversation.last = called.then(
    () => {},
    () => {},
  );
  return await new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    called.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** What the signer was told, or will be told, is work that was done. */
function settle(
  conversation: Conversation,
  outcome: Outcome,
  { amount, price, hasTickets }: { readonly amount: bigint; readonly price: Rational; readonly hasTickets: boolean },
): void {
  if (outcome.kind === "void") {
    conversation.state = undefined;
    conversation.untold = 0n;
  } else if (outcome.kind === "charged") {
    conversation.untold -= amount - outcome.fee.dividedBy(price).ceil();
  } else if (outcome.kind === "unsent" && !hasTickets) {
    conversation.untold -= amount;
  }
}

/** A session's price may not rise, its state may be refused: a new session may do. */
function isAboutState(status: number): boolean {
  return status === PRICE_EXCEEDED || status === 400 || status === 403 || status === 409;
}

function refusalOf(status: number, json: Readonly<Record<string, unknown>>): RivuletError {
  const reason = messageIn(json) ?? `the remote signer answered ${status}`;
  if (status === REFRESH) return new RivuletError("payment.params-expired", { reason });
  if (status === PRICE_EXCEEDED) return new RivuletError("signer.price-exceeded", { reason });
  if (status === BUDGET_EXHAUSTED) return new RivuletError("signer.budget-exhausted", { reason });
  if (status >= 500) return new RivuletError("signer.unavailable", { reason });
  return new RivuletError("signer.rejected", { reason });
}

const MAX_REASON_LENGTH = 500;

function messageIn(json: Readonly<Record<string, unknown>>): string | undefined {
  const { error } = json;
  const message: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "message") : undefined;
  return typeof message === "string" ? message.slice(0, MAX_REASON_LENGTH) : undefined;
}

function recordIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null ? { ...json } : {};
  } catch {
    // The status says enough.
    return {};
  }
}

function isState(value: unknown): value is State {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof Reflect.get(value, "State") === "string" &&
    typeof Reflect.get(value, "Sig") === "string"
  );
}

function wholeNumber(units: bigint): number {
  invariant(units <= BigInt(Number.MAX_SAFE_INTEGER), "work is counted in numbers that JSON has");
  return Number(units);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
