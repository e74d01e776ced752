import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chooseVictims, MemoryRecord } from "./model-memory.ts";

const GB = 1e9;
const model = (name: string, gigabytes: number, reloadMs: number, idleMs: number) => ({
  name,
  heldBytes: gigabytes * GB,
  reloadMs,
  idleMs,
});
const names = (victims: readonly { name: string }[] | undefined) => victims?.map(({ name }) => name);

describe("what a model needs", () => {
  test("is 1.15 times its files, then what was measured", () => {
    const memory = new MemoryRecord();
    memory.estimate(1000);
    expect(memory.needOf(2)).toEqual({ wanted: 2300, least: 2300 });
    expect([memory.measure(3000), memory.measure(2000)]).toEqual([true, false]);
    expect(memory.needOf(2)).toEqual({ wanted: 6000, least: 2300 });
    expect(memory.bytes).toBe(3000);
  });

  test("is a quarter more once it was not enough, however often", () => {
    const memory = new MemoryRecord();
    memory.estimate(1000);
    memory.measure(2000);
    memory.outgrow();
    memory.outgrow();
    expect(memory.bytes).toBe(2500);
  });
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
