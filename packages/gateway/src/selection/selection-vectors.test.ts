import { Rational } from "@rivulet/primitives";
import { testVectors } from "@rivulet/testkit";
import { expect } from "vitest";
import { chances, defaultWeights } from "./weights.ts";

interface Input {
  readonly stakes: readonly string[];
  readonly prices: readonly string[];
  readonly stakeWeight: number;
  readonly priceWeight: number;
  readonly randWeight: number;
  readonly priceExpFactor: number;
}

interface Expected {
  readonly probabilities: readonly number[];
  readonly tolerance: number;
}

testVectors("gateway", {
  selection: (input: Input, { probabilities, tolerance }: Expected) => {
    const operators = input.stakes.map((stake, index) => ({
      address: `${index}`,
      stake: BigInt(stake),
      price: Rational.of(BigInt(input.prices[index] ?? 0)),
    }));
    const options = {
      ...defaultWeights,
      stake: input.stakeWeight,
      price: input.priceWeight,
      random: input.randWeight,
      priceFactor: input.priceExpFactor,
    };
    const got = chances(operators, options).map(([, chance]) => chance);
    expect(got).toHaveLength(probabilities.length);
    got.forEach((chance, index) => {
      expect(Math.abs(chance - (probabilities[index] ?? 0))).toBeLessThanOrEqual(tolerance);
    });
  },
});
