import { type Milliseconds, ms, Rational, type Work, type WorkUnit } from "@rivulet/primitives";

const MILLISECONDS_PER: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, m: 60_000, h: 3_600_000 };

const BYTES_PER: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

const WEI_PER: Readonly<Record<string, bigint>> = { WEI: 1n, GWEI: 10n ** 9n, ETH: 10n ** 18n };

/** What the units of work are called beside a price, with how many units of account each is. */
const WORK_PER: { readonly [U in WorkUnit]: Readonly<Record<string, bigint>> } = {
  pixel: { px: 1n, pixel: 1n, pixels: 1n, kpx: 10n ** 3n, Mpx: 10n ** 6n, Gpx: 10n ** 9n, Tpx: 10n ** 12n },
  "audio-ms": { ms: 1n, s: 1000n, min: 60_000n, h: 3_600_000n },
  token: { token: 1n, tokens: 1n, ktokens: 10n ** 3n, Mtokens: 10n ** 6n },
  millicharacter: { character: 1000n, characters: 1000n, kcharacters: 10n ** 6n },
  second: { s: 1n, min: 60n, h: 3600n },
};

/** A number and its unit, one blank between them or none. Longer numbers than 15 digits are not exact anyway. */
const QUANTITY = /^(\d{1,15}(?:\.\d{1,15})?) ?([A-Za-z]{1,3})$/;

/** The same for amounts that are kept exact. */
const EXACT = /^(\d{1,40}(?:\.\d{0,40})?(?:[eE][+-]?\d{1,3})?)\s*([A-Za-z][A-Za-z0-9]{0,15})$/;

/** Reads "250ms", "2 s", "5min", "1.5h". `undefined` for anything else, and for a number without its unit. */
export function findDuration(text: string): Milliseconds | undefined {
  const value = findQuantity(text, MILLISECONDS_PER);
  return value === undefined ? undefined : ms(value);
}

/** Reads "300 MB", "4 GiB", "512B" as whole bytes. `undefined` for anything else, and for a number without its unit. */
export function findBytes(text: string): number | undefined {
  const value = findQuantity(text, BYTES_PER);
  return value === undefined || !Number.isSafeInteger(Math.round(value)) ? undefined : Math.round(value);
}

/** Money in a currency: wei whatever part of an ether it was written in, else the symbol of a price feed. */
export interface Money {
  readonly amount: Rational;
  /** `WEI` or a symbol, upper case. */
  readonly currency: string;
}

/** Reads "0.3 gwei", "1 wei", "0.0000035 USD" exactly. `undefined` for anything else, and for a number without its unit. */
export function findMoney(text: string): Money | undefined {
  const [, amount, unit] = EXACT.exec(text.trim()) ?? [];
  const value = amount === undefined ? undefined : findDecimal(amount);
  if (value === undefined || unit === undefined) return undefined;
  const currency = unit.toUpperCase();
  const factor = WEI_PER[currency];
  return factor === undefined ? { amount: value, currency } : { amount: value.times(factor), currency: "WEI" };
}

/** Reads "0.3 gwei", "0.00001 ETH", "5 wei" when it is a whole number of wei. `undefined` for anything else. */
export function findWei(text: string): bigint | undefined {
  const money = findMoney(text);
  return money?.currency === "WEI" && money.amount.denominator === 1n ? money.amount.numerator : undefined;
}

/** Reads an amount of work in a pipeline's unit: "1 Mpx", "1000 tokens", "1 min". `undefined` for anything else. */
export function findWork<U extends WorkUnit>(text: string, unit: U): Work<U> | undefined {
  const [, amount, name] = EXACT.exec(text.trim()) ?? [];
  const names = WORK_PER[unit];
  const factor = name !== undefined && Object.hasOwn(names, name) ? names[name] : undefined;
  const value = amount === undefined || factor === undefined ? undefined : findDecimal(amount)?.times(factor);
  return value === undefined || value.denominator !== 1n || value.numerator < 1n
    ? undefined
    : { unit, amount: value.numerator };
}

/** The names by which `findWork` knows a unit. */
export function workNames(unit: WorkUnit): readonly string[] {
  return Object.keys(WORK_PER[unit]);
}

/** The exact value of a decimal number such as `1.9e-08`. */
export function findDecimal(text: string): Rational | undefined {
  const [, whole, fraction = "", exponent = "0"] =
    /^(\d{1,40})(?:\.(\d{0,40}))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const scale = Number(exponent) - fraction.length;
  const digits = BigInt(whole + fraction);
  return scale >= 0 ? Rational.of(digits * 10n ** BigInt(scale)) : Rational.of(digits, 10n ** BigInt(-scale));
}

/** JSON whose numbers are kept as they were written: a price is exact. */
export function exactJson(text: string): unknown {
  try {
    // The third argument of a reviver has the number's own digits.
    return JSON.parse(text, (_key, value, context?: { source?: string }) =>
      typeof value === "number" ? { written: context?.source ?? String(value) } : value,
    );
  } catch {
    return undefined;
  }
}

function findQuantity(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, amount, unit] = QUANTITY.exec(text.trim()) ?? [];
  if (amount === undefined || unit === undefined || !Object.hasOwn(units, unit)) return undefined;
  return Number(amount) * (units[unit] ?? Number.NaN);
}
