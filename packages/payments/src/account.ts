import type { Address } from "@rivulet/crypto";
import { type Milliseconds, Rational } from "@rivulet/primitives";

/** Whether we pay on an account, or are paid. */
export type AccountSide = "payer" | "payee";

/** Names an account. A node that buys and sells keeps both sides apart. */
export interface AccountKey {
  readonly side: AccountSide;
  /** The other party: the recipient for a payer, the sender for a payee. */
  readonly peer: Address;
  /** What the two keep this account for: a session, a manifest, a capability and model. Source: payments 7.1. */
  readonly id: string;
}

/** Sums that only grow, in exact wei. What is left of an account is `credited - debited - expired`. */
export interface AccountTotals {
  /** The expected value of the tickets that were paid in. */
  readonly credited: Rational;
  /** The fees of the work that was done. */
  readonly debited: Rational;
  /**
   * What was given up: credit sent with a request that brought no answer, and what stood on the account when it was closed
   * for idleness. Below zero when the payer left a debt.
   */
  readonly expired: Rational;
  /** How many tickets `credited` stands for. */
  readonly tickets: bigint;
}

/** An account as it is kept. */
export interface AccountRow extends AccountTotals {
  readonly key: AccountKey;
  /** Wei for a unit, agreed with the first payment and held for the life of the account. */
  readonly fixedPrice?: Rational;
  /** Wall time of the last change. */
  readonly touchedAt: Milliseconds;
}

/** What is added to an account. Absent sums are zero; an account that is not there is opened. */
export interface AccountChange {
  readonly key: AccountKey;
  readonly credited?: Rational;
  readonly debited?: Rational;
  readonly expired?: Rational;
  readonly tickets?: bigint;
  /** Replaces the one there is. */
  readonly fixedPrice?: Rational;
  readonly touchedAt: Milliseconds;
}

/** All that ever happened with one peer on one side, closed accounts included. */
export interface PeerTotals extends AccountTotals {
  readonly side: AccountSide;
  readonly peer: Address;
}

export const NO_TOTALS: AccountTotals = {
  credited: Rational.ZERO,
  debited: Rational.ZERO,
  expired: Rational.ZERO,
  tickets: 0n,
};

/** What is left: what the payee still owes in work, or the payer in money when it is below zero. */
export function balanceOf({ credited, debited, expired }: AccountTotals): Rational {
  return credited.minus(debited).minus(expired);
}

export function addTotals(a: AccountTotals, b: AccountTotals): AccountTotals {
  return {
    credited: sumOf(a.credited, b.credited),
    debited: sumOf(a.debited, b.debited),
    expired: sumOf(a.expired, b.expired),
    tickets: a.tickets + b.tickets,
  };
}

/** Tickets have denominators of 256 bits and prices of 63; sums of what honest peers tell stay far below this. */
const LARGEST_DENOMINATOR = 2n ** 1024n;
const FINEST = 2n ** 512n;

/**
 * The exact sum. Only a peer that tells a new denominator with every price can drive it to where adding takes time; then
 * what is finer than any ticket is cut off.
 */
export function sumOf(a: Rational, b: Rational): Rational {
  const sum = a.plus(b);
  return sum.denominator < LARGEST_DENOMINATOR ? sum : Rational.of(sum.times(FINEST).floor(), FINEST);
}

/** The account after a change; `row` is absent when the change opens it. */
export function changedAccount(row: AccountRow | undefined, change: AccountChange): AccountRow {
  const fixedPrice = change.fixedPrice ?? row?.fixedPrice;
  return {
    key: change.key,
    ...addTotals(row ?? NO_TOTALS, { ...NO_TOTALS, ...definedTotals(change) }),
    ...(fixedPrice === undefined ? {} : { fixedPrice }),
    touchedAt: change.touchedAt,
  };
}

/** The sums of an account that was closed: what was left of it has expired. */
export function closedTotals(row: AccountTotals): AccountTotals {
  return { ...row, expired: row.expired.plus(balanceOf(row)) };
}

/** Equal for equal keys only. */
export function accountText({ side, peer, id }: AccountKey): string {
  return `${side} ${peer} ${id}`;
}

function definedTotals({ credited, debited, expired, tickets }: AccountChange): Partial<AccountTotals> {
  return {
    ...(credited === undefined ? {} : { credited }),
    ...(debited === undefined ? {} : { debited }),
    ...(expired === undefined ? {} : { expired }),
    ...(tickets === undefined ? {} : { tickets }),
  };
}
