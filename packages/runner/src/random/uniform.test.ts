import fc from "fast-check";
import { expect, test } from "vitest";
import { uniformOf } from "./uniform.ts";

const MOST = Number.MAX_SAFE_INTEGER;
const few = (seed: number, count = 4) => Array.from({ length: count }, uniformOf(seed));

test("numbers of a seed are always the same, and of another others", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: MOST }), fc.integer({ min: 0, max: MOST }), (seed, other) => {
      expect(few(seed)).toEqual(few(seed));
      for (const value of few(seed)) expect(value >= 0 && value < 1).toBe(true);
      if (seed !== other) expect(few(seed)).not.toEqual(few(other));
    }),
  );
  expect(few(1)).not.toEqual(few(1 + 2 ** 32));
});

test("they are spread evenly", () => {
  const parts = new Array<number>(10).fill(0);
  for (const value of few(7, 10_000)) parts[Math.floor(value * 10)] = (parts[Math.floor(value * 10)] ?? 0) + 1;
  for (const count of parts) expect(Math.abs(count - 1000)).toBeLessThan(150);
});
