import type { Address } from "@rivulet/crypto";
import type { Milliseconds, Rational } from "@rivulet/primitives";

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
