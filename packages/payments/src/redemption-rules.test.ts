import { codeOf, RivuletError, wei } from "@rivulet/primitives";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { failureText, obstacleIn, obstacleOf, worthRedeeming } from "./redemption-rules.ts";

const GAS_PRICE = wei(7n);
const shared = (tickets: number) => 100n + 20n * BigInt(tickets);

test("each ticket of a transaction brings more than its share of the gas, and none is left out that would too", () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt(0n, 2000n), { maxLength: 16 }), (amounts) => {
      const payouts = amounts.toSorted((a, b) => (a < b ? 1 : a > b ? -1 : 0));
      const count = worthRedeeming(payouts, GAS_PRICE, shared);
      for (const payout of payouts.slice(0, count))
        expect(payout * BigInt(count) > shared(count) * GAS_PRICE).toBe(true);
      for (let more = count + 1; more <= payouts.length; more += 1)
        expect((payouts[more - 1] ?? 0n) * BigInt(more) > shared(more) * GAS_PRICE).toBe(false);
    }),
  );
});

test("an obstacle is the same after it was written down", () => {
  const error = new RivuletError("chain.gas-price-too-high", { current: "5", maximum: "3", reason: "now: 5" });
  const obstacle = obstacleOf(error);
  expect(obstacle.code).toBe(codeOf(error));
  expect(obstacleIn(failureText(obstacle))).toEqual(obstacle);
  expect(obstacleIn("what an older version wrote")).toEqual({
    code: "internal",
    reason: "what an older version wrote",
  });
  expect(obstacleIn(undefined)).toBeUndefined();
});
