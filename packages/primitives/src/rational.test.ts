import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Rational } from "./rational.ts";

const fraction = fc
  .tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.bigInt({ min: 1n, max: 10n ** 30n }))
  .map(([n, d]) => Rational.of(n, d));

describe("a fraction", () => {
  test("is in lowest terms with a positive denominator", () => {
    expect(`${Rational.of(10n, -4n)}`).toBe("-5/2");
    expect(`${Rational.of(0n, 7n)}`).toBe("0");
    expect(() => Rational.of(1n, 0n)).toThrow(RangeError);
  });

  test("adds and multiplies exactly, in any order", () => {
    fc.assert(
      fc.property(fraction, fraction, fraction, (a, b, c) => {
        expect(a.plus(b).compare(b.plus(a))).toBe(0);
        expect(
          a
            .plus(b)
            .times(c)
            .compare(a.times(c).plus(b.times(c))),
        ).toBe(0);
      }),
    );
  });

  test("lies between its floor and its ceiling, which are at most one apart", () => {
    fc.assert(
      fc.property(fraction, (a) => {
        expect(Rational.of(a.floor()).compare(a)).toBeLessThanOrEqual(0);
        expect(Rational.of(a.ceil()).compare(a)).toBeGreaterThanOrEqual(0);
        expect(a.ceil() - a.floor()).toBeLessThanOrEqual(1n);
      }),
    );
  });
});
