import { expect, test } from "vitest";
import { Simulation } from "../packages/payments/test/simulation/simulation.ts";
import { isLong } from "./harness/long.ts";

/** Two months, and another world with every seed; a failure names it. One short world shows that this still runs. */
const SEEDS = Array.from({ length: isLong ? 20 : 1 }, (_, index) => index + 100);
const SIZE = isLong
  ? { senders: 300, recipients: 100, rounds: 70, paymentsPerStep: 8 }
  : { senders: 100, recipients: 30, rounds: 10, paymentsPerStep: 8 };

test.each(SEEDS)(
  "weeks of payments neither create nor lose a wei: seed %i",
  async (seed) => {
    const report = await new Simulation(seed, SIZE).run();
    expect(report.redeemed).toBeGreaterThan(isLong ? 100 : 0);
  },
  600_000,
);
