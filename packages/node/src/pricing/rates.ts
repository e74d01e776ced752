import { type PriceFeed, weiFrom } from "@rivulet/payments";
import { isError, Rational } from "@rivulet/primitives";
import type { Money } from "../config/quantities.ts";

/** What currencies are worth. */
export interface Rates {
  /** Wei for one of a currency; `undefined` when nothing tells what it is worth. */
  weiPer(currency: string): Rational | undefined;
  /** Called when a currency has come to be worth something else. */
  onChanged(listener: () => void): Disposable;
}

/** What currencies are worth by a price feed; without one only ethers and their parts are worth something. */
export function ratesOf(feed: PriceFeed | undefined): Rates {
  return {
    weiPer: (currency) => {
      try {
        return weiFrom(Rational.of(1n), currency, feed?.current);
      } catch (error) {
        if (isError(error, "price.feed-missing") || isError(error, "price.currency-unknown")) return undefined;
        throw error;
      }
    },
    onChanged: (listener) => feed?.onChanged(listener) ?? { [Symbol.dispose]() {} },
  };
}

/** Money in wei, exactly; `undefined` when nothing tells what its currency is worth. */
export function inWei({ amount, currency }: Money, rates: Rates): Rational | undefined {
  return rates.weiPer(currency)?.times(amount);
}
