import { ms } from "@rivulet/primitives";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { billTime, LIVE_UNITS_PER_SECOND } from "./live-billing.ts";

test("time billed in pieces is time billed at once: no fraction is lost, and none is billed twice", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 50 }),
      fc.constantFrom(1n, 7n, 27_648_000n),
      (pieces, rate) => {
        let now = 0;
        let billedTo = 0;
        let units = 0n;
        for (const piece of pieces) {
          now += piece;
          const billed = billTime(ms(now - billedTo), rate);
          units += billed.units;
          billedTo += billed.covered;
        }
        // Times are in microseconds: what is left over is less than a unit and a microsecond.
        const all = (BigInt(now) * rate) / 1000n;
        expect(all - units).toBeLessThanOrEqual(1n + rate / 1_000_000n);
        expect(units).toBeLessThanOrEqual(all);
      },
    ),
  );
});

test("time that goes backward is free", () => {
  expect(billTime(ms(-5))).toEqual({ units: 0n, covered: 0 });
});

test("a minute of video is sixty times a second", () => {
  expect(billTime(ms(60_000)).units).toBe(60n * LIVE_UNITS_PER_SECOND);
});
