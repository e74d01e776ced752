import { l1BlockNumber } from "@rivulet/primitives";
import { seededRandomness } from "@rivulet/testkit";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { account } from "../test/payment-world.ts";
import { Exposure } from "./exposure.ts";
import type { TicketParams } from "./ticket-params.ts";
import { winProbability } from "./win-probability.ts";

const recipient = account("recipient").address;

function params(value: bigint, faceValue: bigint, expirationBlock = 100n, seed = 1n): TicketParams {
  return {
    recipient,
    faceValue,
    winProbability: winProbability(value, faceValue),
    recipientRandHash: new Uint8Array(32).fill(Number(seed)),
    seed,
    expirationBlock,
  };
}

describe("exposure", () => {
  test("of tickets that are sure to win is all of them", () => {
    expect(new Exposure().liabilityWith(params(999n, 1000n), 50)).toBeGreaterThanOrEqual(49_950n);
    expect(new Exposure().liabilityWith(params(1000n, 1000n), 50)).toBe(50_000n);
  });

  test("is between the mean and the most that can happen", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 10n ** 6n }),
        fc.bigInt({ min: 1n, max: 10n ** 6n }),
        fc.integer({ min: 1, max: 600 }),
        (value, more, count) => {
          const liability = new Exposure().liabilityWith(params(value, value + more), count);
          expect(liability).toBeGreaterThanOrEqual(BigInt(count) * value);
          expect(liability).toBeLessThanOrEqual(BigInt(count) * (value + more));
        },
      ),
    );
  });

  test("is hardly ever passed by what is really won", () => {
    const randomness = seededRandomness(3);
    const tickets = params(10n, 1000n);
    const liability = new Exposure().liabilityWith(tickets, 600);
    expect(liability).toBeLessThan(20_000n);
    for (let run = 0; run < 1000; run += 1) {
      let won = 0n;
      for (let ticket = 0; ticket < 600; ticket += 1) if (randomness.uniform() < 0.01) won += 1000n;
      expect(won).toBeLessThanOrEqual(liability);
    }
  });

  test("adds up over recipients and parameters, and ends some time after they expired", () => {
    const exposure = new Exposure();
    exposure.add(params(10n, 1000n), 3);
    exposure.add(params(10n, 1000n), 2);
    exposure.add(params(10n, 1000n, 200n, 2n), 5);
    expect(exposure.byRecipient().get(recipient)).toMatchObject({ tickets: 10n, value: 100n });
    exposure.forget(l1BlockNumber(160n));
    expect(exposure.byRecipient().get(recipient)).toMatchObject({ tickets: 10n });
    exposure.forget(l1BlockNumber(161n));
    expect(exposure.byRecipient().get(recipient)).toMatchObject({ tickets: 5n });
    exposure.forget(l1BlockNumber(261n));
    expect(exposure.byRecipient().size).toBe(0);
  });

  test("lasts as long as the last of the tickets, whatever was told to end sooner under the same terms", () => {
    const exposure = new Exposure();
    exposure.add(params(10n, 1000n, 200n), 3);
    exposure.add(params(10n, 1000n, 100n), 1);
    exposure.remove(params(10n, 1000n, 100n), 1);
    exposure.forget(l1BlockNumber(260n));
    expect(exposure.byRecipient().get(recipient)).toMatchObject({ tickets: 3n });
    exposure.forget(l1BlockNumber(261n));
    expect(exposure.byRecipient().size).toBe(0);
  });

  test("of dear tickets stays, whatever else is signed under the same hash: whose it is, others can read", () => {
    const exposure = new Exposure();
    const [dear, cheap] = [params(10n, 1000n), params(1n, 2n)];
    exposure.add(dear, 100);
    const { liability } = exposure.byRecipient().get(recipient) ?? {};
    exposure.add(cheap, 1);
    exposure.add({ ...dear, recipient: account("another").address }, 1);
    expect(exposure.byRecipient().get(recipient)?.liability).toBeGreaterThanOrEqual(liability ?? 0n);
    exposure.remove(cheap, 1);
    expect(exposure.byRecipient().get(recipient)?.liability).toBe(liability);
  });
});
