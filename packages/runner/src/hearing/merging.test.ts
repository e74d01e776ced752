import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sentencesOf, type WindowTokens } from "./merging.ts";

/** Tokens below 100 are text; times begin at 101, a second apart. */
const tokens = { special: 100, first: 101, precision: 1 };
const at = (second: number) => tokens.first + second;

function told(windows: readonly WindowTokens[]) {
  return sentencesOf(windows, tokens).map(({ begin, end, tokens: said }) => [begin, end, said.map(({ id }) => id)]);
}

const alone = { left: 0, right: 0, length: 30 };

describe("one window", () => {
  test("has a sentence between each two times", () => {
    const window = { ...alone, tokens: [at(0), 1, 2, at(2), at(3), 4, at(5), 100] };
    expect(told([window])).toEqual([
      [0, 2, [1, 2]],
      [3, 5, [4]],
    ]);
  });

  test("without times is one sentence that nobody knows the length of", () => {
    expect(told([{ ...alone, tokens: [1, 2, 100] }])).toEqual([[undefined, undefined, [1, 2]]]);
  });

  test("that is cut has an end nobody knows", () => {
    expect(told([{ ...alone, tokens: [at(1), 1, 2] }])).toEqual([[1, undefined, [1, 2]]]);
  });

  test("without text has no sentence", () => {
    expect(told([{ ...alone, tokens: [at(0), at(0), 100] }])).toEqual([]);
  });
});

describe("windows that overlap", () => {
  const first = { length: 30, left: 0, right: 5 };
  const second = { length: 30, left: 5, right: 0 };

  test("tell what both heard once", () => {
    const windows = [
      { ...first, tokens: [1, 2, 3, 4, 5, 6] },
      { ...second, tokens: [4, 5, 6, 7, 8] },
    ];
    expect(told(windows)).toEqual([[undefined, undefined, [1, 2, 3, 4, 5, 6, 7, 8]]]);
  });

  test("tell everything when they heard nothing alike", () => {
    const windows = [
      { ...first, tokens: [1, 2] },
      { ...second, tokens: [7, 8] },
    ];
    expect(told(windows)).toEqual([[undefined, undefined, [1, 2, 7, 8]]]);
  });

  test("leave a sentence at the border to both, with the times of the whole", () => {
    const windows = [
      { ...first, tokens: [at(0), 1, 2, at(20), at(20), 3, 4, 5, at(28)] },
      { ...second, tokens: [at(1), 4, 5, at(12), at(12), 6, at(20)] },
    ];
    // The second window begins at 20.
    expect(told(windows)).toEqual([
      [0, 20, [1, 2]],
      [20, 32, [3, 4, 5]],
      [32, 40, [6]],
    ]);
  });

  test("tell a word once that the later one heard a little earlier, with times that never go back", () => {
    const windows = [
      { ...first, tokens: [at(1), 1, 2, 3, 4], times: [1, 25, 26.3, 28.1, 29] },
      { ...second, tokens: [at(0), 2, 3, 4, at(12)], times: [4.9, 6.2, 7.9, 9, 9] },
    ];
    const [sentence] = sentencesOf(windows, tokens);
    expect(sentence?.tokens.map(({ id, begin, end }) => [id, begin, end])).toEqual([
      [1, 1, 25],
      [2, 25, 26.2],
      [3, 26.2, 27.9],
      [4, 27.9, 29],
    ]);
  });

  test("tell a word once whose end the earlier one did not hear", () => {
    const windows = [
      { ...first, tokens: [at(1), 1, 2, 3], times: [1, 26, 26.4, 30] },
      { ...second, tokens: [at(0), 2, 3, 4, at(12)], times: [6.1, 6.5, 7, 8, 8] },
    ];
    expect(sentencesOf(windows, tokens)[0]?.tokens.map(({ id }) => id)).toEqual([1, 2, 3, 4]);
  });

  test("are believed up to the middle of what both hear, where they agree on nothing", () => {
    const windows = [
      { ...first, tokens: [at(1), 1, 2, 3], times: [1, 24, 24.5, 30] },
      { ...second, tokens: [4, 5, 6, at(12)], times: [5, 8, 9, 12] },
    ];
    const [sentence] = sentencesOf(windows, tokens);
    expect(sentence?.tokens.map(({ id, begin, end }) => [id, begin, end])).toEqual([
      [1, 1, 24],
      [2, 24, 24.5],
      [3, 24.5, 25],
      [5, 25, 28],
      [6, 28, 29],
    ]);
    const untimed = windows.map(({ times: _, ...window }) => window);
    expect(told(untimed)).toEqual([[undefined, undefined, [1, 2, 3, 4, 5, 6]]]);
  });

  test("do not tell again what one of them has told to its end", () => {
    const windows = [
      { ...first, tokens: [at(1), 1, 2, at(24), at(27)], times: [1, 23, 24, 26, 30] },
      { ...second, tokens: [at(0), 3, at(2), at(3), 4, 5, at(8)], times: [0, 2, 3, 3, 4, 8, 9] },
    ];
    expect(told(windows)).toEqual([
      [1, 24, [1, 2]],
      [24, 28, [5]],
    ]);
  });

  test("have times that never go back, whatever was written down", () => {
    const token = fc.tuple(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 101, max: 131 })), fc.nat(30));
    const window = fc.array(token, { maxLength: 12 }).map((said) => ({
      tokens: said.map(([id]) => id),
      times: said.map(([, time]) => time).sort((a, b) => a - b),
    }));
    fc.assert(
      fc.property(fc.array(window, { minLength: 1, maxLength: 4 }), (heard) => {
        const windows = heard.map((each, i) => ({ ...each, ...first, left: i === 0 ? 0 : 5 }));
        let [sentence, word] = [0, 0];
        for (const { begin, end, tokens: said } of sentencesOf(windows, tokens)) {
          for (const time of [begin, end]) {
            expect(time ?? sentence).toBeGreaterThanOrEqual(sentence);
            sentence = time ?? sentence;
          }
          for (const time of said.flatMap((each) => [each.begin, each.end])) {
            expect(time).toBeGreaterThanOrEqual(word);
            word = time;
          }
        }
      }),
    );
  });

  test("lose no token, as long as each is said once", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 2, max: 20 }),
        fc.integer({ min: 0, max: 40 }),
        (before, both, after) => {
          const all = Array.from({ length: before + both + after }, (_, i) => i);
          const windows = [
            { ...first, tokens: all.slice(0, before + both) },
            { ...second, tokens: all.slice(before) },
          ];
          expect(told(windows)).toEqual([[undefined, undefined, all]]);
        },
      ),
    );
  });
});
