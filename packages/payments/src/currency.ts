import { type Milliseconds, Rational, RivuletError } from "@rivulet/primitives";

/** What a price feed last said: how many of `quote` one of `base` costs. */
export interface FeedPrice {
  readonly base: string;
  readonly quote: string;
  readonly price: Rational;
  /** When the feed's own sources agreed on it. */
  readonly updatedAt: Milliseconds;
}

/** Where money is exchanged, on paper. */
export interface PriceFeed {
  /** The last good price; `undefined` until there is one. */
  readonly current: FeedPrice | undefined;
  onChanged(listener: () => void): Disposable;
}

const WEI_PER_ETH = 10n ** 18n;
const ETH = "ETH";

/** The two currencies in a feed's description, `ETH / USD`. Throws "chain.price-unusable". */
export function feedPair(description: string): { readonly base: string; readonly quote: string } {
  const parts = description.split("/").map((part) => part.trim());
  const [base = "", quote = ""] = parts;
  if (parts.length !== 2 || base === "" || quote === "")
    throw new RivuletError("chain.price-unusable", {
      reason: `the feed calls itself ${JSON.stringify(description.slice(0, 100))}, which is not a pair of currencies`,
    });
  return { base, quote };
}

/** A feed's answer as a price. Throws "chain.price-unusable" for one that is not above zero. Source: payments 13.6. */
export function feedPrice(answer: bigint, decimals: number): Rational {
  if (answer <= 0n) throw new RivuletError("chain.price-unusable", { reason: `the feed answers ${answer}` });
  return Rational.of(answer, 10n ** BigInt(decimals));
}

/**
 * An amount of a currency in wei, exact. Wei, which an empty currency means too, and eth need no feed.
 *
 * Throws "price.feed-missing" when there is no feed, or it has said nothing yet, and "price.currency-unknown" when it is not
 * about this currency and eth. Source: payments 13.6.
 */
export function weiFrom(amount: Rational, currency: string, feed: FeedPrice | undefined): Rational {
  const name = currency.toUpperCase();
  if (name === "" || name === "WEI") return amount;
  if (name === ETH) return amount.times(WEI_PER_ETH);
  if (feed === undefined)
    throw new RivuletError("price.feed-missing", { reason: `it takes one to turn ${currency} into wei` });
  const base = feed.base.toUpperCase();
  const quote = feed.quote.toUpperCase();
  if (base === ETH && quote === name) return amount.times(WEI_PER_ETH).dividedBy(feed.price);
  if (quote === ETH && base === name) return amount.times(feed.price).times(WEI_PER_ETH);
  const missing = base === ETH || quote === ETH ? currency : ETH;
  throw new RivuletError("price.currency-unknown", {
    reason: `${currency}: the price feed ${feed.base}/${feed.quote} does not have ${missing}`,
  });
}

const WEI_PER_MICRO_ETH = 10n ** 12n;

/**
 * What a fee comes to in millionths of the feed's currency, exact: to be summed as it is, and rounded up when it is read.
 * `feed` gives the price of an eth. Source: payments 18.
 */
export function meteredMicros(fee: Rational, { price }: Pick<FeedPrice, "price">): Rational {
  return fee.times(price).dividedBy(Rational.of(WEI_PER_MICRO_ETH));
}
