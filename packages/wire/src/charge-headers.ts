import { Rational } from "@rivulet/primitives";

/**
 * What tells our own nodes from others: its value is the sender's version. A gateway that sends it reads an answer to its
 * end, trailers included, and is charged for the tokens that were written instead of those that were allowed.
 */
export const RIVULET_HEADER = "x-rivulet";

/** What a job was charged. */
export interface Charge {
  /** The work, in the pipeline's unit. */
  readonly units: bigint;
  /** Wei for one unit. */
  readonly price: Rational;
  /** Their product, exact: a fraction where the price is one. */
  readonly cost: Rational;
}

const UNITS = "x-units";
const PRICE = "x-price-wei";
const COST = "x-cost-wei";

/** Their names. */
export const CHARGE_HEADERS = [UNITS, PRICE, COST] as const;

/** Announces that the charge comes after the body. `undefined` for a request of HTTP/1.0, which knows no trailers. */
export function chargeTrailer(request: { readonly httpVersion: string }): { readonly trailer: string } | undefined {
  return request.httpVersion === "1.0" ? undefined : { trailer: CHARGE_HEADERS.join(", ") };
}

/** Units and wei of a price as any of our numbers: a thousand digits are nobody's money. */
const MAX_LENGTH = 1000;

/** `X-Units`, `X-Price-Wei` and `X-Cost-Wei`: headers of an answer, or trailers of a stream. */
export function chargeHeaders({ units, price, cost }: Charge): Readonly<Record<string, string>> {
  return { [UNITS]: `${units}`, [PRICE]: `${price}`, [COST]: `${cost}` };
}

/** The charge that headers or trailers tell; `undefined` when they tell none, or none that adds up. */
export function chargeOf(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Charge | undefined {
  const units = rational(headers[UNITS]);
  const price = rational(headers[PRICE]);
  const cost = rational(headers[COST]);
  if (units === undefined || price === undefined || cost === undefined || units.denominator !== 1n) return undefined;
  return price.times(units).compare(cost) === 0 ? { units: units.numerator, price, cost } : undefined;
}

function rational(text: string | readonly string[] | undefined): Rational | undefined {
  if (typeof text !== "string" || text.length > MAX_LENGTH) return undefined;
  const [, numerator, denominator = "1"] = /^(\d+)(?:\/([1-9]\d*))?$/.exec(text) ?? [];
  return numerator === undefined ? undefined : Rational.of(BigInt(numerator), BigInt(denominator));
}
