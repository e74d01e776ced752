import { Rational } from "@rivulet/primitives";
import type { Money } from "../config/quantities.ts";

/** What currencies are worth. */
export interface Rates {
  /** Wei for one of a currency; `undefined` when nothing tells what it is worth. */
  weiPer(currency: string): Rational | undefined;
  /** Called when a currency has come to be worth something else. */
  onChanged(listener: () => void): Disposable;
}

/** Rates of a node without a price feed: wei are wei, and nothing else is known. */
export const noRates: Rates = {
  weiPer: (currency) => (currency === "WEI" ? Rational.of(1n) : undefined),
  onChanged: () => ({ [Symbol.dispose]() {} }),
};

/** Money in wei, exactly; `undefined` when nothing tells what its currency is worth. */
export function inWei({ amount, currency }: Money, rates: Rates): Rational | undefined {
  return currency === "WEI" ? amount : rates.weiPer(currency)?.times(amount);
}
