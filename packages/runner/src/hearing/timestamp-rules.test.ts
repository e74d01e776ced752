import { describe, expect, test } from "vitest";
import { ruleOutTimes } from "./timestamp-rules.ts";

/** Ten tokens of text, the last of which ends; then the one that says there are no times; then times. */
const settings = { end: 9, noTimestamps: 10, latestBegin: 3 };
const FIRST = 11;
const SIZE = 31;

/** The tokens that may come next, when all are as likely as given. */
function allowed(said: readonly number[], likely: { readonly text?: number; readonly time?: number } = {}) {
  const { text = 5, time = 0 } = likely;
  const logits = Float32Array.from({ length: SIZE }, (_, id) => (id < FIRST ? text : time));
  ruleOutTimes(logits, said, settings);
  return [...logits.keys()].filter((id) => logits[id] !== Number.NEGATIVE_INFINITY);
}

const times = (from: number, to = SIZE) => Array.from({ length: to - from }, (_, i) => from + i);

describe("an answer with times", () => {
  test("begins with one near the beginning", () => {
    expect(allowed([])).toEqual(times(FIRST, FIRST + 4));
  });

  test("goes on with text", () => {
    expect(allowed([FIRST + 2])).toEqual(times(0, 10));
  });

  test("may have text or a later time after text", () => {
    expect(allowed([FIRST + 2, 4])).toEqual([...times(0, 10), ...times(FIRST + 3)]);
  });

  test("has a second time, or the end, after one that ends a sentence", () => {
    expect(allowed([FIRST + 2, 4, FIRST + 5])).toEqual([9, ...times(FIRST + 5)]);
  });

  test("has text after a pair", () => {
    expect(allowed([FIRST + 2, 4, FIRST + 5, FIRST + 5])).toEqual(times(0, 10));
  });

  test("has a time where times together are likelier than any text", () => {
    expect(allowed([FIRST, 4], { text: 2 })).toEqual(times(FIRST + 1));
    expect(allowed([FIRST, 4], { text: 4 })).toContain(4);
  });
});
