import { invariant, type Lease, Rational } from "@rivulet/primitives";
import type { AccountChange, AccountKey } from "./account.ts";

/** What decides how many tickets a payment takes, in exact wei. */
export interface TicketNeed {
  /** May be below zero. */
  readonly existingCredit: Rational;
  /** The fee, or what one ticket is worth when that is more: recipients demand no less. */
  readonly minCredit: Rational;
  readonly ticketValue: Rational;
}

/** How many tickets, beside the credit there is, cover what is needed. Source: payments 6.4. */
export function ticketsNeeded({ existingCredit, minCredit, ticketValue }: TicketNeed): number {
  const missing = minCredit.minus(existingCredit);
  if (missing.compare(Rational.ZERO) <= 0 || ticketValue.compare(Rational.ZERO) <= 0) return 0;
  return Number(missing.dividedBy(ticketValue).ceil());
}

/**
 * Credit and tickets set aside for one request. What becomes of them is decided by how far it got when the scope ends.
 * Source: payments 6.5.
 *
 * | it got | old credit | new tickets |
 * |---|---|---|
 * | nowhere | is put back | were not made |
 * | tickets were made, nothing was sent | is put back | are given up |
 * | it was sent and brought no answer | is given up | are given up |
 * | `settle` | is kept, less the fee | are kept, less the fee |
 */
export interface Staged extends Disposable {
  readonly key: AccountKey;
  /** How many tickets the payment needs. */
  readonly tickets: number;
  /** What they are worth together. */
  readonly newCredit: Rational;
  /** What was on the account before. */
  readonly existingCredit: Rational;
  /** The change that making the tickets books; for the sender. */
  readonly booking: Omit<AccountChange, "touchedAt">;
  /** The tickets are made and booked; for the sender. */
  made(): void;
  /** The request is about to leave: from here on the credit counts as spent. */
  send(): void;
  /** The request is known not to have arrived, as when no connection came about. */
  takeBack(): void;
  /** The work was done for this fee; what is left stays on the account and may be below zero. Resolves as `Hold.settle`. */
  settle(fee: Rational): Promise<void>;
}

/** The part of the ledger that a staged payment works on. */
interface StagingLedger {
  use(key: AccountKey): Lease;
  change(change: Omit<AccountChange, "touchedAt">): Promise<void>;
  putBack(key: AccountKey, credit: Rational): void;
}

interface Amounts {
  readonly key: AccountKey;
  readonly existingCredit: Rational;
  readonly ticketValue: Rational;
  readonly tickets: number;
}

export class StagedPayment implements Staged {
  readonly key: AccountKey;
  readonly tickets: number;
  readonly newCredit: Rational;
  readonly existingCredit: Rational;
  readonly #ledger: StagingLedger;
  readonly #use: Lease;
  #made = false;
  #sent = false;

  constructor(ledger: StagingLedger, { key, existingCredit, ticketValue, tickets }: Amounts) {
    this.#ledger = ledger;
    this.key = key;
    this.tickets = tickets;
    this.newCredit = ticketValue.times(BigInt(tickets));
    this.existingCredit = existingCredit;
    this.#use = ledger.use(key);
  }

  get booking(): Omit<AccountChange, "touchedAt"> {
    return { key: this.key, credited: this.newCredit, tickets: BigInt(this.tickets) };
  }

  made(): void {
    this.#made = true;
  }

  send(): void {
    this.#sent = true;
  }

  takeBack(): void {
    this.#sent = false;
  }

  settle(fee: Rational): Promise<void> {
    invariant(this.#use.isHeld, "ledger: a payment is settled once");
    // Of what was booked: the old credit, and the tickets if there were any.
    this.#ledger.putBack(this.key, this.#credit);
    const written = this.#ledger.change({ key: this.key, debited: fee });
    this.#use.release();
    return written;
  }

  [Symbol.dispose](): void {
    if (!this.#use.isHeld) return;
    this.#ledger.putBack(this.key, this.#credit);
    const lost = (this.#made ? this.newCredit : Rational.ZERO).plus(this.#sent ? this.existingCredit : Rational.ZERO);
    // Nobody waits: the job has failed already, and the ledger tries again by itself.
    if (lost.numerator !== 0n) void this.#ledger.change({ key: this.key, expired: lost });
    this.#use.release();
  }

  get #credit(): Rational {
    return this.#made ? this.existingCredit.plus(this.newCredit) : this.existingCredit;
  }
}
