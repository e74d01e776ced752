import { codeOf, ms, Rational } from "@rivulet/primitives";
import { expect, test } from "vitest";
import { appPrice } from "./app-price.ts";
import { byocIsCovered, byocNeedsPayment, byocSeconds } from "./byoc.ts";
import { feedPair, feedPrice, meteredMicros, weiFrom } from "./currency.ts";
import { exactNumber, perUnit, pixelsPerUnit, priceText } from "./price-text.ts";

const FEED = { base: "ETH", quote: "USD", price: Rational.of(2500n), updatedAt: ms(0) };

test.each([
  ["1e12", "1000000000000"],
  ["0.08", "2/25"],
  ["-1.5", "-3/2"],
  ["1/3", "1/3"],
  ["1.25e-3", "1/800"],
])("%s is read exactly", (text, expected) => {
  expect(`${exactNumber(text)}`).toBe(expected);
});

test("a number of a JSON text is the digits it is written with, and not the nearest binary fraction", () => {
  expect(`${exactNumber(0.1)}`).toBe("1/10");
  expect(`${exactNumber(1e21)}`).toBe(`${10n ** 21n}`);
});

test.each(["", "x", "1/0", "1e101", "0x10", "Infinity", "9".repeat(101)])("%j is no number", (text) => {
  expect(codeThrownBy(() => exactNumber(text))).toBe("price.malformed");
});

test("a price says what is wrong with it", () => {
  const reason = (text: string) => {
    try {
      priceText(text);
    } catch (error) {
      return String(error);
    }
    return "";
  };
  expect(reason("-1USD")).toContain("below zero");
  expect(reason("0.5 USD")).toContain("a space");
  expect(reason(".5USD")).toContain("begins with a point");
  expect(reason("USD")).toContain("does not begin with a number");
});

test("prices are for whole units", () => {
  expect(pixelsPerUnit("1e12")).toBe(10n ** 12n);
  expect(`${perUnit(Rational.of(1n, 2n), 4n)}`).toBe("1/8");
  for (const text of ["0", "-1", "1.5"]) expect(codeThrownBy(() => pixelsPerUnit(text))).toBe("price.malformed");
});

test("wei and eth need no feed; other currencies need one that has them", () => {
  expect(`${weiFrom(Rational.of(7n), "", undefined)}`).toBe("7");
  expect(`${weiFrom(Rational.of(1n, 2n), "eth", undefined)}`).toBe(`${5n * 10n ** 17n}`);
  expect(codeThrownBy(() => weiFrom(Rational.of(1n), "USD", undefined))).toBe("price.feed-missing");
  expect(codeThrownBy(() => weiFrom(Rational.of(1n), "EUR", FEED))).toBe("price.currency-unknown");
  expect(codeThrownBy(() => weiFrom(Rational.of(1n), "USD", { ...FEED, base: "BTC" }))).toBe("price.currency-unknown");
});

test("a feed that is not a pair, or does not answer above zero, is not used", () => {
  expect(feedPair(" eth / usd ")).toEqual({ base: "eth", quote: "usd" });
  for (const text of ["ETH", "A/B/C", "/USD"]) expect(codeThrownBy(() => feedPair(text))).toBe("chain.price-unusable");
  for (const answer of [0n, -1n]) expect(codeThrownBy(() => feedPrice(answer, 8))).toBe("chain.price-unusable");
});

test("fees are metered in exact millionths of a dollar", () => {
  expect(`${meteredMicros(Rational.of(10n ** 18n), FEED)}`).toBe("2500000000");
  expect(`${meteredMicros(Rational.of(1n), FEED)}`).toBe("1/400000000");
});

test("an application's price has one of three units", () => {
  expect(codeThrownBy(() => appPrice({ price: "1", unit: "toString" }, FEED))).toBe("price.malformed");
  expect(appPrice({ price: 3600, currency: "wei" })).toEqual({ weiPerUnit: 1n, unit: "seconds" });
});

test("external capabilities are paid ahead by two minutes, and begin with one", () => {
  const price = Rational.of(2n);
  expect(byocNeedsPayment(Rational.of(240n), price)).toBe(false);
  expect(byocNeedsPayment(Rational.of(239n), price)).toBe(true);
  expect(byocIsCovered(Rational.of(120n), price)).toBe(true);
  expect(byocIsCovered(Rational.of(119n), price)).toBe(false);
  expect(byocIsCovered(Rational.ZERO, Rational.ZERO)).toBe(true);
  expect([0, 1, 1000, 1001].map(byocSeconds)).toEqual([0n, 1n, 1n, 2n]);
});

function codeThrownBy(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    return codeOf(error);
  }
  return undefined;
}
