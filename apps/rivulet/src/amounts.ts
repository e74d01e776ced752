import { findMoney, type Money } from "@rivulet/node";
import { Rational, RivuletError } from "@rivulet/primitives";

/** Both tokens have it. */
const DECIMALS = 18;

/** An amount of wei, or of units of 1e-18 LPT, exactly and without zeros that say nothing: `0.05 ETH`. */
export function amountText(amount: bigint, token: "ETH" | "LPT"): string {
  const digits = `${amount < 0n ? -amount : amount}`.padStart(DECIMALS + 1, "0");
  const fraction = digits.slice(-DECIMALS).replace(/0+$/, "");
  return `${amount < 0n ? "-" : ""}${digits.slice(0, -DECIMALS)}${fraction === "" ? "" : `.${fraction}`} ${token}`;
}

/** Units that amounts of wei are told in, each up to where the next says the same with fewer digits. */
const UNITS = [
  { unit: "wei", wei: 1n, below: 10n ** 9n, decimals: 2 },
  { unit: "gwei", wei: 10n ** 9n, below: 10n ** 14n, decimals: 2 },
  { unit: "ETH", wei: 10n ** 18n, below: undefined, decimals: 6 },
] as const;

/** An amount of wei for people, rounded: `4,816,054.71 wei`, `315.62 gwei`, `0.0001 ETH`. Programs get the fraction itself. */
export function readableWei(amount: Rational | bigint | string): string {
  const exact = amount instanceof Rational ? amount : weiOf(amount);
  const size = exact.compare(Rational.ZERO) < 0 ? Rational.ZERO.minus(exact) : exact;
  const { unit, wei, decimals } = UNITS.find(({ below }) => below === undefined || size.floor() < below) ?? UNITS[2];
  const inUnit = size.times(Rational.of(1n, wei));
  // Of less than one the first three digits count, wherever they are.
  const isSmall = unit === "wei" && size.floor() === 0n && size.compare(Rational.ZERO) > 0;
  const digits = isSmall ? 3 + leadingZeros(size) : decimals;
  const [whole = "", fraction = ""] = inUnit.toFixed(digits).split(".");
  const rest = fraction.replace(/0+$/, "");
  const sign = size === exact ? "" : "-";
  return `${sign}${whole.replace(/\B(?=(?:\d{3})+$)/g, ",")}${rest === "" ? "" : `.${rest}`} ${unit}`;
}

/** The exact amount that a whole number, a fraction or a decimal number says. */
export function weiOf(amount: bigint | string): Rational {
  const [whole = "", decimals] = `${amount}`.split(".");
  if (decimals === undefined) return Rational.parse(whole);
  return Rational.of(BigInt(whole + decimals), 10n ** BigInt(decimals.length));
}

/** Of a fraction below one, the zeros behind the point. */
function leadingZeros({ numerator, denominator }: Rational): number {
  return `${denominator / numerator}`.length - 1;
}

/** Reads what stands after a command: `0.1ETH`, `5 gwei`. Throws "config.invalid" with what is expected. */
export function ethAmount(text: string | undefined, what: string): bigint {
  const money = text === undefined ? undefined : findMoney(text);
  return wholeOf(money?.currency === "WEI" ? money : undefined, 1n, what, "0.1ETH");
}

/** Reads `100LPT` in units of 1e-18 LPT. Throws "config.invalid" with what is expected. */
export function lptAmount(text: string | undefined, what: string): bigint {
  const money = text === undefined ? undefined : findMoney(text);
  return wholeOf(money?.currency === "LPT" ? money : undefined, 10n ** BigInt(DECIMALS), what, "100LPT");
}

function wholeOf(money: Money | undefined, scale: bigint, what: string, example: string): bigint {
  const amount = money?.amount.times(scale);
  if (amount !== undefined && amount.denominator === 1n && amount.numerator > 0n) return amount.numerator;
  throw new RivuletError("config.invalid", { problems: [{ path: what, message: `say how much, such as ${example}` }] });
}
