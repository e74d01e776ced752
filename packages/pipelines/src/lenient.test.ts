import { expect, test } from "vitest";
import { lenient } from "./lenient.ts";

test.each(["integer", "number"] as const)(
  "a text of a million digits that is no %s is soon known not to be",
  (kind) => {
    const text = `${"1".repeat(1_000_000)}x`;
    expect(lenient(kind, text)).toBe(text);
  },
);

test.each([
  ["0.5", 0.5],
  [" +.5e1 ", 5],
  ["5.", 5],
  ["5", 5],
])("%j is a number", (text, number) => {
  expect(lenient("number", text)).toBe(number);
});

test.each([".", "e1", "1e", "1.2.3", "", "--1", "0x10"])("%j is none", (text) => {
  expect(lenient("number", text)).toBe(text);
});
