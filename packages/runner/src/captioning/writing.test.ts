import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ModelSettings } from "../model-settings.ts";
import { captionRules, nextToken } from "./writing.ts";

const family = { length: 16, end: 9 };
const rulesOf = (settings: object = {}) => captionRules(new ModelSettings({ ...settings }), family);
/** The higher a token, the likelier. */
const rising = (vocabulary = 6) => Float32Array.from({ length: vocabulary }, (_, token) => token);

test("a model's file goes before what its family does", () => {
  expect(rulesOf()).toEqual({ length: 16, ends: new Set([9]), once: 0 });
  const told = {
    max_length: 40,
    eos_token_id: [2, 3],
    forced_bos_token_id: 0,
    forced_eos_token_id: 2,
    no_repeat_ngram_size: 3,
  };
  expect(rulesOf(told)).toEqual({ length: 40, ends: new Set([2, 3]), first: 0, last: 2, once: 3 });
});

describe("the next token", () => {
  test("is the likeliest", () => {
    expect(nextToken(rising(), [1, 5], rulesOf())).toBe(5);
  });

  test("is the one that comes first, after a beginning of one token and no other", () => {
    const rules = rulesOf({ forced_bos_token_id: 3 });
    expect([[1], [1, 1]].map((before) => nextToken(rising(), before, rules))).toEqual([3, 5]);
  });

  test("is the one that comes last, where there is room for no other", () => {
    const rules = rulesOf({ max_length: 4, forced_eos_token_id: 2 });
    expect(
      [
        [1, 1],
        [1, 1, 1],
      ].map((before) => nextToken(rising(), before, rules)),
    ).toEqual([5, 2]);
  });

  test("never makes a run of tokens that was there already", () => {
    const token = fc.integer({ min: 0, max: 2 });
    fc.assert(
      fc.property(fc.array(token), fc.integer({ min: 1, max: 4 }), (before, once) => {
        const runs = (tokens: readonly number[]) =>
          tokens.flatMap((_, at) => (at + once <= tokens.length ? [tokens.slice(at, at + once).join()] : []));
        const allowed = [3, 2, 1, 0].filter((next) => !runs(before).includes([...before, next].slice(-once).join()));
        const next = nextToken(rising(4), before, rulesOf({ max_length: 1000, no_repeat_ngram_size: once }));
        expect(next).toBe(allowed[0]);
      }),
    );
  });
});
