import { describe, expect, test } from "vitest";
import { shareWrong, wordErrors } from "./word-error.ts";

describe("word errors", () => {
  test.each([
    ["a red circle", " A red circle.", 0],
    ["a red circle", "a blue circle", 1],
    ["a red circle", "a circle", 1],
    ["a red circle", "a large red circle", 1],
    ["a red circle", "", 3],
    ["", "a red circle", 3],
    ["one two three", "two three four", 2],
  ])("between %j and %j are %i", (said, heard, errors) => {
    expect(wordErrors(said, heard).errors).toBe(errors);
  });

  test("of many sentences count by their words", () => {
    expect(shareWrong([wordErrors("one two three", "one two"), wordErrors("four", "four")])).toBe(0.25);
    expect(shareWrong([wordErrors("", "")])).toBe(0);
  });
});
