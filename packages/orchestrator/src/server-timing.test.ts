import { ms } from "@rivulet/primitives";
import { expect, test } from "vitest";
import { parseServerTiming, serverTiming } from "./server-timing.ts";

test("what is written is read again", () => {
  const timings = { queue: ms(0), load: ms(12.5), inference: ms(812.125) };
  expect(serverTiming(timings)).toBe("queue;dur=0, load;dur=12.5, inference;dur=812.125");
  expect(parseServerTiming(serverTiming(timings))).toEqual(timings);
  expect(serverTiming({})).toBe("");
});

test.each([
  [undefined, {}],
  ["", {}],
  ["cache;desc=hit, inference;desc=x;dur=3", { inference: 3 }],
  ["Load;DUR=2", { load: 2 }],
  ["load;dur=-1, queue;dur=x, inference", {}],
  [["queue;dur=1", "load;dur=2"], { queue: 1, load: 2 }],
])("%j is read as %j", (header, timings) => {
  expect(parseServerTiming(header)).toEqual(timings);
});
