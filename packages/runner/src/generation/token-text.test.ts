import fc from "fast-check";
import { expect, test } from "vitest";
import { TokenText } from "./token-text.ts";

/** A tokenizer whose tokens are single bytes. */
const bytes = (ids: readonly number[]) => new TextDecoder().decode(Uint8Array.from(ids));

function told(ids: readonly number[]): readonly string[] {
  const text = new TokenText(bytes);
  return [...ids.map((id) => text.add(id)), text.end()];
}

test("a character is told when it is whole", () => {
  expect(told([...Buffer.from("aé🙂")])).toEqual(["a", "", "é", "", "", "", "🙂", ""]);
});

test("what never becomes whole is told at the end", () => {
  expect(told([0x61, 0xf0, 0x9f])).toEqual(["a", "", "", "\uFFFD"]);
});

test("rubbish is not held for ever", () => {
  expect(told(new Array<number>(40).fill(0x80)).join("").length).toBeGreaterThan(30);
});

test("tokens without a text are passed over, however many there are, and few are looked at at once", () => {
  const [SPECIAL, SPACED] = [0, 1];
  let most = 0;
  // Like tokenizers that write a space before every word but the first.
  const text = new TokenText((ids) => {
    most = Math.max(most, ids.length);
    return ids
      .filter((id) => id === SPACED)
      .map(() => "word")
      .join(" ");
  });
  const ids = [SPACED, ...new Array<number>(1000).fill(SPECIAL), SPACED];
  expect(ids.map((id) => text.add(id)).join("") + text.end()).toBe("word word");
  expect(most).toBeLessThan(20);
});

test("the pieces are the whole text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(told([...Buffer.from(text)]).join("")).toBe(text);
    }),
  );
});
