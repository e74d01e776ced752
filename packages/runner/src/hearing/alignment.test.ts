import { expect, test } from "vitest";
import { framesOfTokens, type Looks } from "./alignment.ts";

/** Four tokens, each of which looks at its own stretch of the sound. */
function looks(begins: readonly number[], frames: number): Looks {
  return begins.map((begin, token) => {
    const end = begins[token + 1] ?? frames;
    return Float32Array.from({ length: frames + 20 }, (_, frame) => (frame >= begin && frame < end ? 0.9 : 0.01));
  });
}

test("tokens sound where the heads look", () => {
  const begins = [0, 12, 30, 55];
  expect(framesOfTokens([looks(begins, 80), looks(begins, 80)], 80, 7)).toEqual(begins);
});

test("what lies beyond the sound is not looked at", () => {
  expect(Math.max(...framesOfTokens([looks([0, 12, 30, 55], 80)], 40, 7))).toBeLessThan(40);
});

test("no tokens, no sound, one token and looks that tell nothing have an answer", () => {
  expect(framesOfTokens([[]], 10, 7)).toEqual([]);
  expect(framesOfTokens([looks([0, 1], 10)], 0, 7)).toEqual([0, 0]);
  expect(framesOfTokens([looks([0], 10)], 10, 7)).toEqual([0]);
  const flat = [new Float32Array(20), new Float32Array(20)];
  expect(framesOfTokens([flat], 20, 7).every((frame) => frame >= 0 && frame < 20)).toBe(true);
});
