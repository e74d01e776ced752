import { isError, Rational } from "@rivulet/primitives";
import { seededRandomness } from "@rivulet/testkit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { chances, checkedWeights, defaultWeights, drawOperator, type Weighed, type WeightOptions } from "./weights.ts";

/** The worked decision of nodes-and-operations 3.12. */
const operators: readonly Weighed[] = [
  { address: "A", stake: 70n, price: Rational.of(3n) },
  { address: "B", stake: 30n, price: Rational.of(9n) },
  { address: "C", stake: 0n, price: Rational.of(1n) },
];

function drawn(options: WeightOptions, times = 10_000): Record<string, number> {
  const randomness = seededRandomness(1);
  const counts: Record<string, number> = {};
  for (let i = 0; i < times; i += 1) {
    const address = drawOperator(operators, options, randomness)?.address ?? "none";
    counts[address] = (counts[address] ?? 0) + 1;
  }
  return counts;
}

const chancesOf = (options: WeightOptions) =>
  Object.fromEntries(chances(operators, options).map(([{ address }, chance]) => [address, chance]));

test("the dear operator is left out and stake decides between the others", () => {
  const options = { ...defaultWeights, maxPrice: Rational.of(5n) };
  const { A, C } = chancesOf(options);
  expect(A).toBeCloseTo(0.85, 10);
  expect(C).toBeCloseTo(0.15, 10);
  const counts = drawn(options);
  expect(counts["B"]).toBeUndefined();
  expect(Math.abs((counts["A"] ?? 0) - 8500)).toBeLessThanOrEqual(110);
});

test("without a maximum price all three take part", () => {
  const { A, B, C } = chancesOf(defaultWeights);
  expect([A, B, C]).toEqual([expect.closeTo(0.59, 10), expect.closeTo(0.31, 10), expect.closeTo(0.1, 10)]);
  const counts = drawn(defaultWeights);
  expect(Math.abs((counts["A"] ?? 0) - 5900)).toBeLessThanOrEqual(150);
  expect(Math.abs((counts["B"] ?? 0) - 3100)).toBeLessThanOrEqual(150);
});

test("when all are too dear nobody is chosen, unless the maximum may be ignored", () => {
  const tooLow = { ...defaultWeights, maxPrice: Rational.of(1n, 2n) };
  expect(drawOperator(operators, tooLow, seededRandomness(1))).toBeUndefined();
  expect(chancesOf({ ...tooLow, ignoreMaxPriceIfNeeded: true })).toEqual(chancesOf(defaultWeights));
});

test("operators measured below the minimum are left out as long as one is above it", () => {
  const [a, b, c] = operators;
  const measured = [a, { ...b, performance: 0.9 }, { ...c, performance: 0.2 }] as readonly Weighed[];
  const names = (minPerformance: number) =>
    chances(measured, { ...defaultWeights, minPerformance }).map(([{ address }]) => address);
  expect(names(0.5)).toEqual(["B"]);
  expect(names(0.95)).toEqual(["A", "B", "C"]);
  expect(chances(operators, { ...defaultWeights, minPerformance: 0.5 })).toHaveLength(3);
});

test("a share whose sum is zero is divided evenly", () => {
  const atWeiScale = operators.map((operator) => ({ ...operator, stake: 0n, price: Rational.of(4_768_371n) }));
  const even = chances(atWeiScale, { ...defaultWeights, random: 0, stake: 0.5, price: 0.5 });
  for (const [, chance] of even) expect(chance).toBeCloseTo(1 / 3, 10);
});

test("chances are never negative and add to 1", () => {
  const operator = fc.record({
    address: fc.string(),
    stake: fc.bigInt({ min: 0n, max: 10n ** 30n }),
    price: fc
      .tuple(fc.bigInt({ min: 0n, max: 10n ** 18n }), fc.bigInt({ min: 1n, max: 10n ** 6n }))
      .map(([n, d]) => Rational.of(n, d)),
  });
  const weights = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }));
  fc.assert(
    fc.property(fc.array(operator, { minLength: 1, maxLength: 20 }), weights, (list, [x, y]) => {
      const [low, high] = x < y ? [x, y] : [y, x];
      const options = { ...defaultWeights, random: low, stake: high - low, price: 1 - high };
      const all = chances(list, options).map(([, chance]) => chance);
      expect(Math.min(...all)).toBeGreaterThanOrEqual(0);
      expect(all.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
    }),
  );
});

test("weights that do not add to 1 are refused", () => {
  expect(checkedWeights(defaultWeights)).toBe(defaultWeights);
  try {
    checkedWeights({ ...defaultWeights, price: 0.1 });
    expect.unreachable();
  } catch (error) {
    expect(isError(error, "config.invalid") && error.facts.problems[0]?.path).toBe("gateway.selection");
  }
});
