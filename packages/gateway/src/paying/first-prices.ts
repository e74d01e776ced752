import { assertPriceHeld } from "@rivulet/payments";
import { type Clock, type Milliseconds, minutes, type Rational, RivuletError } from "@rivulet/primitives";
import type { Terms } from "../terms.ts";
import type { Order, Peer } from "./payer.ts";

/** Without a payment for this long a session is over, and the next price begins a new one. Source: payments 6.5. */
const IDLE = minutes(10);
/** Models of orchestrators that are remembered; the one not paid for longest goes first. */
const MAX_REMEMBERED = 10_000;

/** Prices as they were when sessions began: what rises further while jobs are paid is a trap, whatever it is by itself. */
export class FirstPrices {
  readonly #clock: Clock;
  readonly #first = new Map<string, { readonly price: Rational; usedAt: Milliseconds }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws "payment.price-increased" for a price that has more than doubled since its session began. */
  assertHeld(peer: Peer, { price }: Terms): void {
    const first = this.#current(keyOf(peer));
    if (first !== undefined) assertPriceHeld(price, first.price);
  }

  /** Notes that a price is being paid. */
  paid(peer: Peer, { price }: Terms): void {
    const key = keyOf(peer);
    const first = this.#current(key) ?? { price, usedAt: this.#clock.monotonic() };
    first.usedAt = this.#clock.monotonic();
    this.#first.delete(key);
    this.#first.set(key, first);
    for (const oldest of this.#first.keys()) {
      if (this.#first.size <= MAX_REMEMBERED) break;
      this.#first.delete(oldest);
    }
  }

  #current(key: string) {
    const first = this.#first.get(key);
    return first !== undefined && this.#clock.monotonic() - first.usedAt < IDLE ? first : undefined;
  }
}

/**
 * The terms of an order whose price may be paid. Throws "price.above-maximum", "payment.price-missing" and
 * "payment.price-increased", and what kept the terms from being told.
 */
export function acceptableTerms(order: Order, first: FirstPrices): Terms {
  const { terms, objection } = order.offer;
  if (objection !== undefined) throw new RivuletError(objection.code, { reason: objection.reason });
  if (terms === undefined) throw new RivuletError("payment.price-missing", { reason: "no terms were told" });
  const { price } = terms;
  if (order.maxPrice !== undefined && price.compare(order.maxPrice) > 0)
    throw new RivuletError("price.above-maximum", {
      reason: `${price} wei a unit, at most ${order.maxPrice} are paid`,
    });
  first.assertHeld(order, terms);
  return terms;
}

function keyOf({ session, offer }: Peer): string {
  return `${session.uri} ${offer.pipeline.name} ${offer.model}`;
}
