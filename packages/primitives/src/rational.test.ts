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

  test("stays in lowest terms whatever is done with it, powers of two and of ten below the line included", () => {
    const below = fc.oneof(
      fc.bigInt({ min: 1n, max: 10n ** 40n }),
      fc.nat(256).map((n) => 1n << BigInt(n)),
      fc.tuple(fc.nat(256), fc.nat(18)).map(([twos, tens]) => (1n << BigInt(twos)) * 10n ** BigInt(tens)),
    );
    const above = fc.oneof(below, fc.constant(0n)).chain((n) => fc.constantFrom(n, -n));
    const any = fc.tuple(above, below).map(([n, d]) => Rational.of(n, d));
    fc.assert(
      fc.property(any, any, above, (a, b, factor) => {
        const made = [a, a.plus(b), a.minus(b), a.times(b), a.times(factor)];
        if (b.numerator !== 0n) made.push(a.dividedBy(b));
        for (const { numerator, denominator } of made) {
          expect(denominator).toBeGreaterThan(0n);
          expect(euclid(numerator < 0n ? -numerator : numerator, denominator)).toBe(1n);
        }
        expect(a.times(b)).toEqual(Rational.of(a.numerator * b.numerator, a.denominator * b.denominator));
        expect(a.times(factor)).toEqual(a.times(Rational.of(factor)));
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

function euclid(a: bigint, b: bigint): bigint {
  return b === 0n ? a : euclid(b, a % b);
}
