import { type Milliseconds, ms } from "@rivulet/primitives";

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

/** A number and its unit, one blank between them or none. Longer numbers than 15 digits are not exact anyway. */
const QUANTITY = /^(\d{1,15}(?:\.\d{1,15})?) ?([A-Za-z]{1,3})$/;

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

function findQuantity(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, amount, unit] = QUANTITY.exec(text.trim()) ?? [];
  if (amount === undefined || unit === undefined || !Object.hasOwn(units, unit)) return undefined;
  return Number(amount) * (units[unit] ?? Number.NaN);
}
