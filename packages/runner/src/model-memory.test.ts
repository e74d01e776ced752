import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chooseVictims, estimateOf } from "./model-memory.ts";

const GB = 1e9;
const model = (name: string, gigabytes: number, reloadMs: number, idleMs: number) => ({
  name,
  heldBytes: gigabytes * GB,
  reloadMs,
  idleMs,
});
const names = (victims: readonly { name: string }[] | undefined) => victims?.map(({ name }) => name);

test("a model is taken to need 1.15 times its files", () => {
  expect(estimateOf(1000)).toBe(1150);
});

describe("the models given up", () => {
  test("are the longest idle when all else is equal", () => {
    const idle = [model("fresh", 1, 1000, 10), model("stale", 1, 1000, 60_000), model("middle", 1, 1000, 5000)];
    expect(names(chooseVictims(1 * GB, idle))).toEqual(["stale"]);
    expect(names(chooseVictims(1.5 * GB, idle))).toEqual(["stale", "middle"]);
  });

  test("are those that come back quickly rather than those that take long", () => {
    const idle = [model("slow", 1, 60_000, 1000), model("quick", 1, 500, 1000)];
    expect(names(chooseVictims(1, idle))).toEqual(["quick"]);
  });

  test("free enough or are none at all", () => {
    const idle = fc.array(fc.record({ heldBytes: fc.nat(), reloadMs: fc.nat(), idleMs: fc.nat() }), { maxLength: 8 });
    fc.assert(
      fc.property(idle, fc.nat(), (candidates, bytes) => {
        const victims = chooseVictims(bytes, candidates);
        const sum = (models: readonly { heldBytes: number }[]) => models.reduce((s, m) => s + m.heldBytes, 0);
        if (victims === undefined) expect(sum(candidates)).toBeLessThan(bytes);
        else {
          expect(sum(victims)).toBeGreaterThanOrEqual(bytes);
          expect(bytes === 0 || sum(victims.slice(0, -1)) < bytes).toBe(true);
        }
      }),
    );
  });
});
