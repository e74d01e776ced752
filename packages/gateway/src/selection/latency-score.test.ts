import { minutes, ms } from "@rivulet/primitives";
import fc from "fast-check";
import { expect, test } from "vitest";
import { HALF_LIFE, observed, rankOf, scoreAt } from "./latency-score.ts";

test("the newest job counts three tenths", () => {
  const first = observed(undefined, 1, ms(0));
  expect(first.value).toBe(1);
  expect(observed(first, 2, ms(0)).value).toBeCloseTo(1.3, 10);
});

test("a score counts half after its half-life and an unknown one nothing", () => {
  expect(scoreAt({ value: 4, at: ms(0) }, HALF_LIFE)).toBeCloseTo(2, 10);
  expect(scoreAt(undefined, ms(0))).toBe(0);
});

test("ranks order scores as their values do, at every later time", () => {
  const score = fc.record({ value: fc.double({ min: 1e-9, max: 1e3, noNaN: true }), at: fc.nat(3_600_000).map(ms) });
  fc.assert(
    fc.property(score, score, fc.nat(3_600_000), (a, b, later) => {
      const now = ms(Math.max(a.at, b.at) + later);
      const [valueA, valueB] = [scoreAt(a, now), scoreAt(b, now)];
      if (valueA < valueB * (1 - 1e-9)) expect(rankOf(a)).toBeLessThan(rankOf(b));
      expect(rankOf(undefined)).toBeLessThan(rankOf(a));
    }),
  );
});

test("an old slow score comes before a fresh one that is only a little faster", () => {
  const slow = observed(undefined, 3, ms(0));
  const fresh = observed(undefined, 2, minutes(10));
  expect(rankOf(slow)).toBeLessThan(rankOf(fresh));
});
