import { Rational, RivuletError } from "@rivulet/primitives";

/** An amount as people write it: a number, and a currency that may be left out. */
export interface PriceText {
  readonly amount: Rational;
  /** As written; empty for wei. */
  readonly currency: string;
}

/** Longer texts are nobody's price. */
const MAX_TEXT = 100;
/** An exponent beyond this is a slip of the finger; numbers grow with it. */
const MAX_EXPONENT = 100;

/** The older implementation's own range `[A-z]`, which the characters between Z and a belong to. */
const TEXT = /^(\d+(?:\.\d+)?)([A-z][A-z0-9]*)?$/;
const DECIMAL = /^([+-]?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i;
const FRACTION = /^([+-]?\d+)\/(\d+)$/;

/**
 * Reads `1000`, `0.5USD` or `100wei`: no sign, no exponent, no spaces. Source: payments 13.7.
 *
 * Throws "price.malformed". Whether the currency exists is found out when it is converted.
 */
export function priceText(text: string): PriceText {
  const found = text.length > MAX_TEXT ? null : TEXT.exec(text);
  const [, digits, currency = ""] = found ?? [];
  if (digits === undefined) throw malformed(text, textProblem(text));
  return { amount: decimal(digits), currency };
}

/**
 * Reads a number exactly: `1e12`, `0.08`, `-3`, `1/3`, or the number of a JSON text, which is taken as the digits it is
 * written with. Throws "price.malformed".
 */
export function exactNumber(value: string | number): Rational {
  const text = typeof value === "number" ? `${value}` : value.trim();
  if (text.length > MAX_TEXT) throw malformed(text, `it has more than ${MAX_TEXT} characters`);
  const fraction = FRACTION.exec(text);
  if (fraction !== null) {
    const [, numerator = "0", denominator = "1"] = fraction;
    if (BigInt(denominator) === 0n) throw malformed(text, "it is divided by zero");
    return Rational.of(BigInt(numerator), BigInt(denominator));
  }
  if (!DECIMAL.test(text)) throw malformed(text, "it is not a number");
  return decimal(text);
}

/** How many units a price is for: a whole number above zero, `1e12` as well. Throws "price.malformed". */
export function pixelsPerUnit(value: string | number): bigint {
  const number = exactNumber(value);
  if (number.denominator !== 1n) throw malformed(`${value}`, "units are counted whole");
  if (number.numerator <= 0n) throw malformed(`${value}`, "a price is for at least 1 unit");
  return number.numerator;
}

/** What one unit costs when `units` cost `amount`. */
export function perUnit(amount: Rational, units: bigint): Rational {
  return Rational.of(amount.numerator, amount.denominator * units);
}

function decimal(text: string): Rational {
  const [, sign = "", whole = "0", fraction = "", exponent = "0"] = DECIMAL.exec(text) ?? [];
  const power = Number(exponent) - fraction.length;
  if (Math.abs(Number(exponent)) > MAX_EXPONENT) throw malformed(text, `its exponent is beyond ${MAX_EXPONENT}`);
  const digits = BigInt(`${sign === "-" ? "-" : ""}${whole}${fraction}`);
  return power < 0 ? Rational.of(digits, 10n ** BigInt(-power)) : Rational.of(digits * 10n ** BigInt(power));
}

/** What a person would want to know about a text that is not a price. */
function textProblem(text: string): string {
  if (text.length > MAX_TEXT) return `it has more than ${MAX_TEXT} characters`;
  if (text === "") return "it is empty";
  if (/\s/.test(text)) return "there is a space in it; a price is written like 0.5USD";
  if (text.startsWith("-")) return "it is below zero";
  if (text.startsWith(".")) return "it begins with a point; write a zero before it";
  if (!/^\d/.test(text)) return "it does not begin with a number";
  return "it is not a number, with or without a currency behind it, like 1000 or 0.5USD";
}

function malformed(text: string, reason: string): RivuletError {
  return new RivuletError("price.malformed", { reason: `${JSON.stringify(text.slice(0, MAX_TEXT))}: ${reason}` });
}
