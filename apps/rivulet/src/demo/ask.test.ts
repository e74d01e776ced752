import fc from "fast-check";
import { expect, test } from "vitest";
import { parseServerTiming } from "./ask.ts";

test("a Server-Timing header tells each part in milliseconds", () => {
  expect(parseServerTiming('selection;dur=0.41, load;dur=0, inference;desc="x";dur=12')).toEqual({
    selection: 0.41,
    load: 0,
  });
  expect(parseServerTiming("queue;dur=3,inference;dur=1204.5")).toEqual({ queue: 3, inference: 1204.5 });
});

test("any text is a table of numbers", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(Object.values(parseServerTiming(text)).every(Number.isFinite)).toBe(true);
    }),
  );
});
