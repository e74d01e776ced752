import { expect, test } from "vitest";
import { sentencesOf } from "./sentences.ts";

test.each([
  ["", 20, []],
  [" \n ", 20, []],
  ["One.", 20, ["One."]],
  ["One. Two! Three?", 20, ["One. Two! Three?"]],
  ["One. Two! Three?", 9, ["One. Two!", "Three?"]],
  ['He said "Yes." Then he left.', 15, ['He said "Yes."', "Then he left."]],
  ["It is 3.14 or so. Yes.", 18, ["It is 3.14 or so.", "Yes."]],
  ["first, second, third", 14, ["first, second,", "third"]],
  ["many words without any end", 10, ["many words", "without", "any end"]],
  ["abcdefghij", 4, ["abcd", "efgh", "ij"]],
  ["一。二。三。", 2, ["一。", "二。", "三。"]],
  ["🙂🙂🙂", 4, ["🙂🙂", "🙂"]],
])("%j in parts of %i", (text, most, parts) => {
  expect(sentencesOf(text, most)).toEqual(parts);
});

test("long texts of any kind are cut in time, and nothing but space is lost", () => {
  for (const text of [
    "a ".repeat(5000),
    "a".repeat(10_000),
    ". ".repeat(5000),
    ",".repeat(10_000),
    "\"'".repeat(5000),
  ]) {
    const parts = sentencesOf(text, 300);
    expect(parts.every((part) => part.length <= 300)).toBe(true);
    expect(parts.join("").replaceAll(" ", "")).toBe(text.replaceAll(" ", ""));
  }
});
