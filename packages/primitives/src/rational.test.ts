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

  test("subtracts what was added, and divides by what it was multiplied with", () => {
    fc.assert(
      fc.property(fraction, fraction, (a, b) => {
        expect(a.plus(b).minus(b)).toEqual(a);
        if (b.numerator !== 0n) expect(a.times(b).dividedBy(b)).toEqual(a);
      }),
    );
    expect(() => Rational.of(1n).dividedBy(Rational.ZERO)).toThrow(RangeError);
  });

  test("is read as it is written", () => {
    fc.assert(
      fc.property(fraction, (a) => {
        expect(Rational.parse(`${a}`)).toEqual(a);
      }),
    );
    for (const text of ["", "1/", "1/0", "/2", "1.5", "1/-2", "1e3", " 1"]) {
      expect(() => Rational.parse(text), text).toThrow(RangeError);
    }
  });

  test("is written with as many digits as are wanted, halves away from zero", () => {
    expect(Rational.of(1n, 2n).toFixed(0)).toBe("1");
    expect(Rational.of(-1n, 2n).toFixed(0)).toBe("-1");
    expect(Rational.of(-1n, 3n).toFixed(0)).toBe("0");
    expect(Rational.of(-5n, 4n).toFixed(1)).toBe("-1.3");
    expect(Rational.of(10_005n, 1000n).toFixed(5)).toBe("10.00500");
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
