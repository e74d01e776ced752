import { Rational, RivuletError } from "@rivulet/primitives";
import { type FeedPrice, weiFrom } from "./currency.ts";
import { LIVE_UNITS_PER_SECOND } from "./live-billing.ts";
import { exactNumber } from "./price-text.ts";

/** How the price of an application is written in its configuration. Absent: US dollars for an hour. */
export interface AppPriceText {
  readonly price: string | number;
  readonly currency?: string;
  readonly unit?: string;
}

/** What an application costs, as it is advertised: whole wei for each unit. */
export interface AppPrice {
  readonly weiPerUnit: bigint;
  readonly unit: AppUnit;
}

/** What live applications are paid by: time, 720p video, or once for all. */
export type AppUnit = "seconds" | "720p-pixel-seconds" | "fixed";

const SECONDS_PER_HOUR = 3600n;

/** The units people write: how many advertised ones each has. Source: payments 16. */
const UNITS: Readonly<Record<string, { readonly unit: AppUnit; readonly count: bigint }>> = {
  hour: { unit: "seconds", count: SECONDS_PER_HOUR },
  "720p": { unit: "720p-pixel-seconds", count: SECONDS_PER_HOUR * LIVE_UNITS_PER_SECOND },
  fixed: { unit: "fixed", count: 1n },
};

/**
 * The price of an application in whole wei, rounded down. Source: payments 16.
 *
 * Throws "price.malformed" for a number that is none, an unknown unit, and a price that comes to less than one wei; and as
 * `weiFrom` does.
 */
export function appPrice({ price, currency = "usd", unit = "hour" }: AppPriceText, feed?: FeedPrice): AppPrice {
  const known = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
  if (known === undefined)
    throw new RivuletError("price.malformed", { reason: `unit ${JSON.stringify(unit)}: one of ${Object.keys(UNITS)}` });
  const amount = exactNumber(price).times(Rational.of(1n, known.count));
  const weiPerUnit = weiFrom(amount, currency, feed).floor();
  if (weiPerUnit < 1n)
    throw new RivuletError("price.malformed", {
      reason: `${price} ${currency} for ${unit} is less than one wei a unit`,
    });
  return { weiPerUnit, unit: known.unit };
}
