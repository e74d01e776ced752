import { expect, test } from "vitest";
import { dearerFees } from "./fees.ts";

const now = { maxFeePerGas: 500n, maxPriorityFeePerGas: 1n };

test("a replacement offers 11 % more than before, or what is right now", () => {
  expect(dearerFees({ maxFeePerGas: 1_000n, maxPriorityFeePerGas: 100n }, now, undefined)).toEqual({
    maxFeePerGas: 1_110n,
    maxPriorityFeePerGas: 111n,
  });
  expect(dearerFees({ maxFeePerGas: 100n, maxPriorityFeePerGas: 0n }, now, undefined)).toEqual(now);
});

test("no replacement can cost more than the most that is paid for gas", () => {
  const before = { maxFeePerGas: 900n, maxPriorityFeePerGas: 0n };
  expect(dearerFees(before, now, 1_000n)).toMatchObject({ maxFeePerGas: 999n });
  expect(dearerFees(before, { ...now, maxFeePerGas: 5_000n }, 1_000n)).toMatchObject({ maxFeePerGas: 1_000n });
  expect(dearerFees(before, now, 998n)).toBeUndefined();
  expect(dearerFees(before, { maxFeePerGas: 5_000n, maxPriorityFeePerGas: 2_000n }, 1_000n)).toBeUndefined();
});
