import type { Address } from "@rivulet/crypto";
import type { Clock, Rational } from "@rivulet/primitives";
import { AUTH_TOKEN_LIFETIME } from "@rivulet/wire";

/** Models and gateways that are remembered: beyond, the one told longest ago goes, and its gateway pays today's price. */
const MAX_REMEMBERED = 50_000;
/** Names of models are remembered to this length: anybody may ask about any name, and where one price is for all, is told it. */
const MAX_NAME_LENGTH = 256;
/** Prices told to one gateway for one model that are remembered: gas moves, and several processes may share an account. */
const MAX_TOLD = 8;

interface Told {
  readonly price: Rational;
  readonly at: number;
}

/**
 * What each gateway was told a model costs, so that a change of price does not meet a payment on its way: what is told is
 * what is charged.
 *
 * For as long as the session in which it was told, and no longer: credit paid in at a new price must not buy work at an old
 * one for ever.
 */
export class Quotes {
  readonly #clock: Clock;
  /** The newest first. */
  readonly #told = new Map<string, readonly Told[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes that this gateway was told this price. */
  tell(gateway: Address, capability: number, model: string, price: Rational): void {
    if (model.length > MAX_NAME_LENGTH) return;
    const key = keyOf(gateway, capability, model);
    const others = this.#valid(key).filter((told) => told.price.compare(price) !== 0);
    this.#told.delete(key);
    this.#told.set(key, [{ price, at: this.#clock.monotonic() }, ...others].slice(0, MAX_TOLD));
    const [oldest] = this.#told.keys();
    if (this.#told.size > MAX_REMEMBERED && oldest !== undefined) this.#told.delete(oldest);
  }

  /** The prices that still hold, the newest first. */
  find(gateway: Address, capability: number, model: string): readonly Rational[] {
    return this.#valid(keyOf(gateway, capability, model)).map(({ price }) => price);
  }

  #valid(key: string): readonly Told[] {
    const since = this.#clock.monotonic() - AUTH_TOKEN_LIFETIME;
    return this.#told.get(key)?.filter(({ at }) => at >= since) ?? [];
  }
}

/** The highest of the told prices that the payer has agreed to; `undefined` when it expects less than all of them. */
export function highestWithin(told: readonly Rational[], expected: Rational): Rational | undefined {
  return told.toSorted((a, b) => b.compare(a)).find((price) => price.compare(expected) <= 0);
}

function keyOf(gateway: Address, capability: number, model: string): string {
  return `${gateway} ${capability} ${model}`;
}
