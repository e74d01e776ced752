import type { Address } from "@rivulet/crypto";
import { type Milliseconds, minutes, ms, Rational, RivuletError, type Wei } from "@rivulet/primitives";
import { LIVE_PREPAID_UNITS, LIVE_UNITS_PER_SECOND } from "./live-billing.ts";
import type { BillingType, SignerState } from "./signer-state.ts";
import { ticketsNeeded } from "./staged-payment.ts";

/** Tickets in one answer. Source: payments 17.2, 22. */
export const MAX_SIGNED_TICKETS = 100;
/** What is billed of a session by the second when it begins. */
const FIRST_LIVE_SECONDS = 10n;
/** A state that was not used for so long is refused, so that its mark need not be kept for ever. */
export const STATE_LIFETIME: Milliseconds = minutes(24 * 60);
/** Digits of prices in refusals. */
const DIGITS = 3;

/** A price that is too high for somebody, and for whom. */
export interface PriceCeiling {
  readonly of: "configured maximum price" | "request maxPrice" | "auth webhook maxPrice";
  readonly weiPerUnit: Rational;
}

/** What a caller asks to have signed, with all that was found out about it. */
export interface SigningQuestion {
  readonly orchestrator: Address;
  /** Of the parameters: `0x` and hex. */
  readonly pmSessionId: string;
  /** Wei for a unit, as numerator and denominator, that the orchestrator asks now. */
  readonly pricePerUnit: bigint;
  readonly pixelsPerUnit: bigint;
  /** What one ticket is worth. */
  readonly ticketValue: Rational;
  /** Whether token or parameters are about to expire. */
  readonly needsRefresh: boolean;
  /** Empty when the caller gave none. */
  readonly manifestId: string;
  readonly app: string;
  readonly type: BillingType;
  /** Units that the caller counted itself. */
  readonly units?: bigint;
  readonly ceilings: readonly PriceCeiling[];
  readonly now: Milliseconds;
  /** For a session that begins. */
  readonly newStateId: () => string;
}

/** What will be signed. */
export interface SigningDecision {
  /** After this call, but for the nonce, which the signing brings. */
  readonly state: SignerState;
  readonly units: bigint;
  readonly fee: Rational;
  readonly tickets: number;
  /** What the tickets are worth together. */
  readonly credit: Rational;
}

/**
 * What a remote signer does with a question, in the protocol's order. Source: payments 17.2. The signature of `state`, if
 * there is one, was checked before.
 *
 * Throws "signer.state-mismatch", "signer.state-replayed" for a state too old to be known, "signer.request-invalid",
 * "signer.session-refresh", "signer.price-exceeded", "signer.nothing-to-pay" and "signer.too-many-tickets".
 */
export function decideSigning(state: SignerState | undefined, question: SigningQuestion): SigningDecision {
  const { now, ticketValue } = question;
  if (question.pixelsPerUnit <= 0n || question.pricePerUnit <= 0n) throw badRequest("missing or zero priceInfo");
  if (state !== undefined) assertSameSession(state, question);
  if (state !== undefined && question.manifestId === "") throw badRequest("missing manifestID");
  if (question.needsRefresh)
    throw new RivuletError("signer.session-refresh", { reason: "refresh session for remote signer" });
  const sinceLast = ms(state === undefined ? 0 : Math.max(0, now - state.lastUpdate));
  const units = billedUnits(question.type, sinceLast, question.units);
  assertPriceAllowed(state, question);
  const before = state ?? newState(question);
  const fee = initialPrice(before).times(units);
  const minCredit = fee.compare(ticketValue) > 0 ? fee : ticketValue;
  const tickets = ticketsNeeded({ existingCredit: before.balance, minCredit, ticketValue });
  if (tickets === 0) throw new RivuletError("signer.nothing-to-pay", { reason: "no tickets" });
  if (tickets > MAX_SIGNED_TICKETS)
    throw new RivuletError("signer.too-many-tickets", {
      reason: `numTickets ${tickets} exceeds maximum of ${MAX_SIGNED_TICKETS}`,
    });
  const credit = ticketValue.times(BigInt(tickets));
  const isSameParams = before.pmSessionId === question.pmSessionId;
  return {
    state: {
      ...before,
      pmSessionId: question.pmSessionId,
      lastUpdate: now,
      senderNonce: isSameParams ? before.senderNonce : 0,
      balance: before.balance.plus(credit).minus(fee),
      sequence: state === undefined ? 0 : state.sequence + 1,
    },
    units,
    fee,
    tickets,
    credit,
  };
}

/**
 * Units of this call. Source: payments 17.2. Time is rounded up for `live`, as it always was, and down for `lv2v`.
 *
 * Throws "signer.request-invalid" when there is nothing to count.
 */
export function billedUnits(type: BillingType, sinceLast: Milliseconds, counted?: bigint): bigint {
  switch (type) {
    case "lv2v":
      return sinceLast <= 0 ? LIVE_PREPAID_UNITS : (microseconds(sinceLast) * LIVE_UNITS_PER_SECOND) / 1_000_000n;
    case "live":
      return sinceLast <= 0 ? FIRST_LIVE_SECONDS : (microseconds(sinceLast) + 999_999n) / 1_000_000n;
    case "fixed":
      return 1n;
    case "":
      if (counted === undefined || counted <= 0n) throw badRequest("missing billable unit or job type");
      return counted;
  }
}

/** The unit a caller has to name with the price it is ready to pay. */
const UNIT_OF: Readonly<Record<BillingType, string | undefined>> = {
  live: "seconds",
  lv2v: "720p-pixel-seconds",
  fixed: "fixed",
  "": undefined,
};

/** A price limit as a caller or a webhook writes it. */
export interface MaxPriceText {
  readonly price?: string | number;
  readonly currency?: string;
  readonly unit?: string;
}

/** Reads a caller's limit. Throws "signer.request-invalid" with the protocol's sentences. Source: payments 17.2. */
export function maxPriceOf({ price, currency, unit }: MaxPriceText, type: BillingType): Rational {
  const demanded = UNIT_OF[type];
  if (demanded === undefined) throw badRequest("maxPrice requires payment type live, lv2v, or fixed");
  const text = typeof price === "number" ? `${price}` : (price ?? "");
  const [, whole, fraction = ""] = /^(\d{1,60})(?:\.(\d{1,60}))?$/.exec(text) ?? [];
  const limit =
    whole === undefined ? Rational.ZERO : Rational.of(BigInt(whole + fraction), 10n ** BigInt(fraction.length));
  if (limit.numerator <= 0n) throw badRequest("maxPrice.price must be a positive decimal");
  if (currency !== "wei") throw badRequest("maxPrice.currency must be wei");
  if (unit !== demanded) throw badRequest(`maxPrice.unit must be ${demanded} for payment type ${type}`);
  return limit;
}

/**
 * The state with who the caller turned out to be. Source: payments 17.3. Throws "signer.caller-changed" when the session
 * belongs to another.
 */
export function withCaller(state: SignerState, authId: string, authExpiry: number): SignerState {
  if (state.authId !== "" && authId !== "" && state.authId !== authId)
    throw new RivuletError("signer.caller-changed", { reason: "auth id changed" });
  return { ...state, authId: state.authId === "" ? authId : state.authId, authExpiry };
}

/** What a signer asks of its book before it signs. */
export interface SigningStep {
  readonly stateId: string;
  /** Of the state after this call. */
  readonly sequence: number;
  /** Who is spending; empty when callers are not told apart. */
  readonly caller: string;
  /** What the tickets are worth, in whole wei, rounded up. */
  readonly amount: Wei;
  readonly at: Milliseconds;
}

/** What each caller may spend in a stretch of time. */
export interface SignerBudget {
  readonly amount: Wei;
  readonly period: Milliseconds;
}

/**
 * What a signer must remember although its states travel: how far each session got, and what each caller spent. Several
 * signers of one account share one.
 */
export interface SignerBook {
  /**
   * Notes a step in one transaction; on disk when it resolves. Throws "signer.state-replayed" when the session has got as far
   * before, and "signer.budget-exhausted" when the caller would have spent more than `budget`.
   */
  step(step: SigningStep, budget?: SignerBudget): Promise<void>;
}

function assertSameSession(state: SignerState, { orchestrator, app, type, now }: SigningQuestion): void {
  const mismatch = (reason: string) => new RivuletError("signer.state-mismatch", { reason });
  if (state.orchestrator !== orchestrator) throw mismatch("orchestratorAddress mismatch");
  if (state.app !== app) throw mismatch("app mismatch");
  if (state.type !== "" && state.type !== type) throw mismatch("job type mismatch");
  if (now - state.lastUpdate > STATE_LIFETIME)
    throw new RivuletError("signer.state-replayed", { reason: "the state was not used for a day" });
}

/** The lowest ceiling decides; a session never pays more than it began with. */
function assertPriceAllowed(
  state: SignerState | undefined,
  { pricePerUnit, pixelsPerUnit, ceilings }: SigningQuestion,
) {
  const price = Rational.of(pricePerUnit, pixelsPerUnit);
  const all = [
    ...ceilings,
    ...(state === undefined ? [] : [{ of: "initial session price", weiPerUnit: initialPrice(state) } as const]),
  ];
  const [lowest] = all.toSorted((a, b) => a.weiPerUnit.compare(b.weiPerUnit));
  if (lowest === undefined || price.compare(lowest.weiPerUnit) <= 0) return;
  throw new RivuletError("signer.price-exceeded", {
    reason: `orchestrator price ${price.toFixed(DIGITS)} exceeds ${lowest.of} ceiling ${lowest.weiPerUnit.toFixed(DIGITS)}`,
  });
}

function newState(question: SigningQuestion): SignerState {
  const { orchestrator, app, type, now, pmSessionId, pricePerUnit, pixelsPerUnit } = question;
  return {
    stateId: question.newStateId(),
    pmSessionId,
    lastUpdate: now,
    orchestrator,
    app,
    authExpiry: 0,
    senderNonce: 0,
    balance: Rational.ZERO,
    initialPricePerUnit: pricePerUnit,
    initialPixelsPerUnit: pixelsPerUnit,
    type,
    sequence: 0,
    authId: "",
  };
}

/** A state with no price is one that was never ours, whatever signed it. */
function initialPrice({ initialPricePerUnit, initialPixelsPerUnit }: SignerState): Rational {
  if (initialPixelsPerUnit === 0n) throw new RivuletError("signer.state-invalid", { reason: "it has no price" });
  return Rational.of(initialPricePerUnit, initialPixelsPerUnit);
}

function microseconds(time: Milliseconds): bigint {
  return BigInt(Math.round(time * 1000));
}

function badRequest(reason: string): RivuletError {
  return new RivuletError("signer.request-invalid", { reason });
}
