import fc from "fast-check";
import { expect, test } from "vitest";
import type { Said } from "./merging.ts";
import { wordsOf } from "./words.ts";

/** A tokenizer whose tokens are single bytes. */
const bytes = (ids: readonly number[]) => new TextDecoder().decode(Uint8Array.from(ids));

/** Each byte sounds for a second. */
function said(text: string): readonly Said[] {
  return [...Buffer.from(text)].map((id, second) => ({ id, begin: second, end: second + 1 }));
}

const words = (text: string, language?: string) => wordsOf(said(text), bytes, language).map((word) => word.text);

test("a word begins with a space", () => {
  expect(words(" the river runs")).toEqual([" the", " river", " runs"]);
});

test("a word sounds from its first token to its last", () => {
  expect(wordsOf(said(" ab cd"), bytes, "en")).toEqual([
    { text: " ab", begin: 0, end: 3 },
    { text: " cd", begin: 3, end: 6 },
  ]);
});

test("punctuation belongs to the word it stands at", () => {
  expect(words(" well, it runs.")).toEqual([" well,", " it", " runs."]);
});

test("characters of several tokens are whole", () => {
  expect(words(" naïve 🙂")).toEqual([" naïve", " 🙂"]);
});

test("without spaces each character is a word, and keeps its punctuation", () => {
  expect(words("川は、走る。", "ja")).toEqual(["川", "は、", "走", "る。"]);
});

test("nothing is lost and nothing is added", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.constantFrom("en", "ja", undefined), (text, language) => {
      expect(words(text, language).join("")).toBe(text);
    }),
  );
});

test("bytes that are no text are told once each", () => {
  const broken = [0x80, 0x20, 0xf0, 0x9f, 0x41].map((id) => ({ id, begin: 0, end: 0 }));
  expect(
    wordsOf(broken, bytes, "en")
      .map((word) => word.text)
      .join(""),
  ).toContain("A");
});
