import { expect, test } from "vitest";
import { Simulation } from "../packages/payments/test/simulation/simulation.ts";
import { isLong } from "./harness/long.ts";

/** Two months, and another world at every run of the list; a failure names its seed. */
const SEEDS = Array.from({ length: 20 }, (_, index) => index + 100);
const SIZE = { senders: 300, recipients: 100, rounds: 70, paymentsPerStep: 8 };

test.runIf(isLong).each(SEEDS)(
  "two months of payments neither create nor lose a wei: seed %i",
  async (seed) => {
    const report = await new Simulation(seed, SIZE).run();
    expect(report.redeemed).toBeGreaterThan(100);
  },
  600_000,
);
