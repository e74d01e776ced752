import { findMoney, type Money } from "@rivulet/node";
import { RivuletError } from "@rivulet/primitives";

/** Both tokens have it. */
const DECIMALS = 18;

/** An amount of wei, or of units of 1e-18 LPT, exactly and without zeros that say nothing: `0.05 ETH`. */
export function amountText(amount: bigint, token: "ETH" | "LPT"): string {
  const digits = `${amount < 0n ? -amount : amount}`.padStart(DECIMALS + 1, "0");
  const fraction = digits.slice(-DECIMALS).replace(/0+$/, "");
  return `${amount < 0n ? "-" : ""}${digits.slice(0, -DECIMALS)}${fraction === "" ? "" : `.${fraction}`} ${token}`;
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
