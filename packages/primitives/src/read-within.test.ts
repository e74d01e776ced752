import { expect, test } from "vitest";
import { readTextWithin, readWithin } from "./read-within.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const tooLong = () => new RangeError("too long");

test("a stream of as many bytes as it may have is read whole, also where a piece cuts a letter in two", async () => {
  const text = "\ufeffgrün";
  const [a, b] = [bytes(text).subarray(0, 6), bytes(text).subarray(6)];
  expect(await readTextWithin([a, b], 8, tooLong)).toBe(text);
  expect(await readWithin([], 0, tooLong)).toEqual(new Uint8Array());
});

test("one byte more is refused with what the caller says, and nothing behind it is read", async () => {
  const told: string[] = [];
  async function* pieces() {
    for (const piece of ["abc", "de", "f"]) {
      told.push(piece);
      yield bytes(piece);
    }
  }
  await expect(readWithin(pieces(), 4, tooLong)).rejects.toThrow(new RangeError("too long"));
  expect(told).toEqual(["abc", "de"]);
});
