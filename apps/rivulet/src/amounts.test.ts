import { Rational } from "@rivulet/primitives";
import fc from "fast-check";
import { expect, test } from "vitest";
import { amountText, readableWei, weiOf } from "./amounts.ts";

test.each([
  ["481605471/100", "4,816,054.71 wei"],
  ["315624961474", "315.62 gwei"],
  ["100000000000000", "0.0001 ETH"],
  ["100000000000001", "0.0001 ETH"],
  ["20786600000000", "20,786.6 gwei"],
  ["999899999999999999", "0.9999 ETH"],
  ["1000000000000000000000", "1,000 ETH"],
  ["1/700", "0.00143 wei"],
  ["-1/700", "-0.00143 wei"],
  ["99999999.999", "100,000,000 wei"],
  ["0", "0 wei"],
  ["15", "15 wei"],
  ["-15", "-15 wei"],
  ["2.5", "2.5 wei"],
])("%s wei is read as %s", (amount, text) => {
  expect(readableWei(amount)).toBe(text);
});

test("what is read is what it was, but for one part in two hundred", () => {
  const whole = { wei: 1n, gwei: 10n ** 9n, ETH: 10n ** 18n };
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 10n ** 24n }), fc.bigInt({ min: 1n, max: 10n ** 6n }), (above, below) => {
      const exact = Rational.of(above, below);
      const [number = "", unit = ""] = readableWei(exact).split(" ");
      const read = weiOf(number.replaceAll(",", "")).times(whole[unit as keyof typeof whole]);
      const off = read.minus(exact);
      const size = off.compare(Rational.ZERO) < 0 ? Rational.ZERO.minus(off) : off;
      expect(size.times(200n).compare(exact)).toBeLessThanOrEqual(0);
    }),
  );
});

test("amounts that somebody may send again are exact", () => {
  expect(amountText(100_000_000_000_001n, "ETH")).toBe("0.000100000000000001 ETH");
});
