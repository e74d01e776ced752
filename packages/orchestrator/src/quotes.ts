import type { Address } from "@rivulet/crypto";
import type { Rational } from "@rivulet/primitives";

/** Prices told to gateways that are remembered: beyond, the one told longest ago goes, and its gateway is told anew. */
const MAX_QUOTES = 50_000;

/** What one gateway was told one model costs. */
export interface Quote {
  readonly current: Rational;
  readonly previous?: Rational | undefined;
}

/**
 * What each gateway was told a model costs: the last price and the one before it, so that a change of price does not meet a
 * payment on its way. What is told is what is charged.
 */
export class Quotes {
  readonly #quotes = new Map<string, Quote>();

  /** Notes that this gateway was told this price. */
  tell(gateway: Address, capability: number, model: string, price: Rational): void {
    const key = `${gateway} ${capability} ${model}`;
    const known = this.#quotes.get(key);
    this.#quotes.delete(key);
    const isSame = known?.current.compare(price) === 0;
    this.#quotes.set(key, { current: price, previous: isSame ? known.previous : known?.current });
    const [oldest] = this.#quotes.keys();
    if (this.#quotes.size > MAX_QUOTES && oldest !== undefined) this.#quotes.delete(oldest);
  }

  find(gateway: Address, capability: number, model: string): Quote | undefined {
    return this.#quotes.get(`${gateway} ${capability} ${model}`);
  }
}

/** The highest of the told prices that the payer has agreed to; `undefined` when it expects less than either. */
export function highestWithin({ current, previous }: Quote, expected: Rational): Rational | undefined {
  const told = previous === undefined ? [current] : [current, previous];
  return told.toSorted((a, b) => b.compare(a)).find((price) => price.compare(expected) <= 0);
}
