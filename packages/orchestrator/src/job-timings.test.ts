import { ms } from "@rivulet/primitives";
import { expect, test } from "vitest";
import { timingHeader, timingsOf } from "./job-timings.ts";

test("what is written is read again", () => {
  const timings = { queue: ms(0), load: ms(12.5), inference: ms(812.1) };
  expect(timingHeader(timings)).toBe("queue;dur=0, load;dur=12.5, inference;dur=812.1");
  expect(timingsOf(timingHeader(timings))).toEqual(timings);
  expect(timingHeader({})).toBe("");
});

test.each([
  [undefined, {}],
  ["", {}],
  ["cache;desc=hit, inference;desc=x;dur=3", { inference: 3 }],
  ["Load;DUR=2", { load: 2 }],
  ["load;dur=-1, queue;dur=x, inference", {}],
  [["queue;dur=1", "load;dur=2"], { queue: 1, load: 2 }],
])("%j is read as %j", (header, timings) => {
  expect(timingsOf(header)).toEqual(timings);
});
