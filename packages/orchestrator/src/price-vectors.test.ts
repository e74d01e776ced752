import { Rational } from "@rivulet/primitives";
import { testVectors } from "@rivulet/testkit";
import { expect } from "vitest";
import { advertisedPrice } from "./pricing.ts";

testVectors("prices", {
  "advertised-price": (
    input: { basePrice: string; txCostMultiplier: string },
    expected: { pricePerUnit: string; pixelsPerUnit: string },
  ) => {
    const told = advertisedPrice(Rational.parse(input.basePrice), Rational.parse(input.txCostMultiplier));
    expect({ pricePerUnit: `${told.numerator}`, pixelsPerUnit: `${told.denominator}` }).toEqual(expected);
  },

  "price-to-fixed": ({ price }: { price: string }, { fixed }: { fixed: string }) => {
    // Cut to nothing, the network's price is free; ours is told exactly instead.
    const expected = fixed === "0" ? Rational.parse(price) : Rational.of(BigInt(fixed), 1000n);
    expect(advertisedPrice(Rational.parse(price), undefined)).toEqual(expected);
  },
});
