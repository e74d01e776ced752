import { Lease, Rational } from "@rivulet/primitives";

/** What jobs under way will cost, account by account: money that is there, and spoken for. */
export class Reservations {
  readonly #held = new Map<string, Rational>();

  held(account: string): Rational {
    return this.#held.get(account) ?? Rational.ZERO;
  }

  /** Speaks for `amount` until the lease is given back. */
  hold(account: string, amount: Rational): Lease {
    this.#add(account, amount);
    return new Lease(() => this.#add(account, amount.times(-1n)));
  }

  #add(account: string, amount: Rational): void {
    const sum = this.held(account).plus(amount);
    if (sum.numerator === 0n) this.#held.delete(account);
    else this.#held.set(account, sum);
  }
}
