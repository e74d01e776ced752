import { expect, test } from "vitest";
import { loadConfiguration } from "../config/load.ts";
import { gasLimits } from "./own-redemption.ts";

/** The limits of a document whose section `chain` has these settings. */
function limitsOf(chain: Readonly<Record<string, string>>) {
  const { settings } = loadConfiguration(
    {
      roles: ["redeemer"],
      flagProblems: [],
      flags: Object.entries(chain).map(([key, value]) => ({ flag: key, path: ["chain", key], value })),
    },
    { env: {}, resolvePath: (path) => path, readText: () => "" },
  );
  return gasLimits(settings);
}

test("winners are redeemed at any gas price, or at those that an operator allows", () => {
  expect(limitsOf({})).toEqual({});
  expect(limitsOf({ maxGasPrice: "2 gwei" })).toEqual({ maxGasPrice: 2_000_000_000n });
  expect(limitsOf({ maxGasPrice: "2 gwei", redeemWhenGasBelow: "0.05 gwei" })).toEqual({
    maxGasPrice: 2_000_000_000n,
    redeemWhenGasBelow: 50_000_000n,
  });
});
