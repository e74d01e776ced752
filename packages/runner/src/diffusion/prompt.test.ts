import { expect, test } from "vitest";
import { promptParts, textsFor } from "./prompt.ts";

test.each([
  ["a fox", ["a fox"]],
  [" a fox | in snow ", ["a fox", "in snow"]],
  ["| a ||b|", ["a", "b|"]],
  ["a|b|c|d|e", ["a", "b", "c", "d|e"]],
  [" | | ", []],
  ["", []],
])("%j has the parts %j", (prompt, parts) => {
  expect(promptParts(prompt)).toEqual(parts);
});

test("an encoder without a part of its own reads the first, and surplus parts are left out", () => {
  expect(textsFor(["a", "b", "c"], 2)).toEqual(["a", "b"]);
  expect(textsFor(["a"], 2)).toEqual(["a", "a"]);
  expect(textsFor([], 2)).toEqual(["", ""]);
});
