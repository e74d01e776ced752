import { Rational } from "@rivulet/primitives";
import fc from "fast-check";
import { expect, test } from "vitest";
import { CERTAIN_WIN, ticketValue, winProbability } from "./win-probability.ts";

const upTo = (max: bigint) =>
  fc.oneof(
    fc.bigInt({ min: 0n, max }),
    fc.bigInt({ min: 0n, max: 1000n }),
    // Remainders that are multiples of 2^64 round down where only the low bits of them are looked at.
    fc.bigInt({ min: 0n, max: max >> 64n }).map((high) => high << 64n),
  );

test("a ticket is never worth less than the recipient asked for", () => {
  fc.assert(
    fc.property(upTo(CERTAIN_WIN), upTo(CERTAIN_WIN), (a, b) => {
      const [expected, face] = a < b ? [a, b] : [b, a];
      const chance = winProbability(expected, face);
      expect(chance).toBeLessThanOrEqual(CERTAIN_WIN);
      expect(
        ticketValue({ faceValue: face, winProbability: chance }).compare(Rational.of(expected)),
      ).toBeGreaterThanOrEqual(0);
    }),
    { numRuns: 1000 },
  );
});

test("a ticket is worth at most a sliver more, for all the money there is", () => {
  const supply = 10n ** 27n;
  fc.assert(
    fc.property(upTo(supply), upTo(supply), (a, b) => {
      const [expected, face] = a < b ? [a, b] : [b, a];
      const excess = ticketValue({ faceValue: face, winProbability: winProbability(expected, face) }).minus(
        Rational.of(expected),
      );
      expect(excess.compare(Rational.of(1n, 10n ** 20n))).toBeLessThan(0);
    }),
  );
});

test("a chance of one is what the face value itself is worth, and more there is not", () => {
  expect(winProbability(7n, 7n)).toBe(CERTAIN_WIN);
  expect(winProbability(0n, 0n)).toBe(0n);
  expect(winProbability(0n, 7n)).toBe(0n);
  expect(() => winProbability(8n, 7n)).toThrow(RangeError);
});
