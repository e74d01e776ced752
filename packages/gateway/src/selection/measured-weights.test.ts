import { isError, Rational } from "@rivulet/primitives";
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkedMeasuredWeights, measuredChances, measuredWeights } from "./measured-weights.ts";
import type { Weighed } from "./weights.ts";

const equal = (address: string, facts: Partial<Weighed> = {}): Weighed => ({
  address,
  stake: 1000n,
  price: Rational.of(4_768_371n),
  latency: 2,
  ...facts,
});
const chancesOf = (...operators: readonly Weighed[]) =>
  measuredChances(operators, measuredWeights).map(([, chance]) => chance);

test("equals have equal chances", () => {
  for (const chance of chancesOf(equal("a"), equal("b"), equal("c"))) expect(chance).toBeCloseTo(1 / 3, 10);
});

test.each([
  ["more stake", { stake: 3000n }],
  ["a lower price", { price: Rational.of(2_000_000n) }],
  ["more speed", { latency: 1 }],
] as const)("%s alone makes an operator likelier, at the scale of prices for pictures too", (_name, facts) => {
  const [a = 0, b = 0] = chancesOf(equal("a", facts), equal("b"));
  expect(a).toBeGreaterThan(0.55);
  expect(b).toBeGreaterThanOrEqual(0.05);
  expect(a + b).toBeCloseTo(1, 10);
});

test("chance alone keeps the worst from never being asked", () => {
  const best = equal("a", { stake: 10n ** 24n, price: Rational.of(1n), latency: 0.001 });
  const [, worst = 0] = chancesOf(best, equal("b", { stake: 0n, price: Rational.of(10n ** 12n), latency: 1000 }));
  expect(worst).toBeCloseTo(measuredWeights.random / 2, 3);
});

test("twice as dear, or twice as slow, is a quarter of the share", () => {
  const half = (measuredWeights.stake + measuredWeights.random) / 2;
  const other = measuredWeights.speed / 2;
  const [a = 0] = chancesOf(equal("a"), equal("b", { price: Rational.of(2n * 4_768_371n) }));
  expect(a).toBeCloseTo(half + other + measuredWeights.price * 0.8, 9);
});

test("who was never measured counts as the fastest; who is free takes the whole share of price", () => {
  const [a = 0, b = 0] = chancesOf(equal("a", { latency: undefined }), equal("b"));
  expect(a).toBeCloseTo(b, 10);
  const [free = 0, paid = 0] = chancesOf(equal("a", { price: Rational.ZERO }), equal("b"));
  expect(free - paid).toBeCloseTo(measuredWeights.price, 10);
});

test("prices count alike in wei and in parts of a wei", () => {
  const [a = 0] = chancesOf(equal("a", { price: Rational.of(1n, 3n) }), equal("b", { price: Rational.of(2n, 3n) }));
  const [c = 0] = chancesOf(
    equal("a", { price: Rational.of(10n ** 15n) }),
    equal("b", { price: Rational.of(2n * 10n ** 15n) }),
  );
  expect(a).toBeCloseTo(c, 9);
});

test("chances are never negative and add to 1, whatever is told", () => {
  const operator = fc.record({
    address: fc.string(),
    stake: fc.bigInt({ min: 0n, max: 10n ** 30n }),
    price: fc
      .tuple(fc.bigInt({ min: 0n, max: 2n ** 63n }), fc.bigInt({ min: 1n, max: 2n ** 63n }))
      .map(([n, d]) => Rational.of(n, d)),
    latency: fc.option(fc.double({ min: 0, max: 1e6, noNaN: true }), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(operator, { minLength: 1, maxLength: 20 }), (list) => {
      const all = chancesOf(...list);
      expect(Math.min(...all)).toBeGreaterThanOrEqual(0);
      expect(all.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
    }),
  );
});

test("weights that do not add to 1 are refused", () => {
  expect(checkedMeasuredWeights(measuredWeights)).toBe(measuredWeights);
  try {
    checkedMeasuredWeights({ ...measuredWeights, stake: 0.5 });
    expect.unreachable();
  } catch (error) {
    expect(isError(error, "config.invalid") && error.facts.problems[0]?.path).toBe("gateway.selection");
  }
});
