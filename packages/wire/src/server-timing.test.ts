import { ms } from "@rivulet/primitives";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseServerTiming, serverTiming } from "./server-timing.ts";

test("what is written is read", () => {
  const header = serverTiming({ queue: ms(1.25), load: ms(0), inference: ms(812) });
  expect(header).toBe("queue;dur=1.3, load;dur=0, inference;dur=812");
  expect([...parseServerTiming(header)]).toEqual([
    ["queue", 1.3],
    ["load", 0],
    ["inference", 812],
  ]);
});

test("any text is read without an error", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const [, duration] of parseServerTiming(text)) expect(duration).toBeGreaterThanOrEqual(0);
    }),
  );
  expect(parseServerTiming(undefined).size).toBe(0);
  expect(parseServerTiming(`load;dur=${"9".repeat(400)}`).size).toBe(0);
  expect([...parseServerTiming('cache;desc="hit", db;desc="x";dur=5')]).toEqual([["db", 5]]);
});
