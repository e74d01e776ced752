import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KeptReadings } from "./kept-readings.ts";

/** What a token takes, so that there is room for 8192. */
const BYTES = 64 * 1024;

/** A reading that says what it has read. */
class Read {
  readonly ids: readonly number[];

  constructor(ids: readonly number[] = []) {
    this.ids = ids;
  }

  get length(): number {
    return this.ids.length;
  }

  get bytes(): number {
    return this.ids.length * BYTES;
  }

  copy(tokens: number): Read {
    return new Read(this.ids.slice(0, tokens));
  }
}

const numbers = (length: number, value: number) => new Array<number>(length).fill(value);

describe("kept readings", () => {
  test("give back the longest beginning that is known, short of the last token", () => {
    const text = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(fc.array(text, { maxLength: 8 }), text, (texts, asked) => {
        const kept = new KeptReadings(() => new Read());
        for (const ids of texts) kept.keep(ids, new Read(ids));
        const lengths = texts.map((ids) => {
          let length = 0;
          while (length < Math.min(ids.length, asked.length - 1) && ids[length] === asked[length]) length += 1;
          return length;
        });
        expect(kept.recall(asked).ids).toEqual(asked.slice(0, Math.max(0, ...lengths)));
      }),
    );
  });

  test("are as long as what was read of them", () => {
    const kept = new KeptReadings(() => new Read());
    kept.keep([1, 2, 3], new Read([1, 2]));
    expect(kept.recall([1, 2, 3, 4]).ids).toEqual([1, 2]);
  });

  test("make room for new ones, the oldest first, and never take more than there is for them", () => {
    const kept = new KeptReadings(() => new Read());
    for (const value of [1, 2, 3]) kept.keep(numbers(4000, value), new Read(numbers(4000, value)));
    expect([1, 2, 3].map((value) => kept.recall(numbers(5000, value)).length)).toEqual([0, 4000, 4000]);
    kept.keep(numbers(9000, 4), new Read(numbers(9000, 4)));
    expect([2, 3, 4].map((value) => kept.recall(numbers(9999, value)).length)).toEqual([4000, 4000, 0]);
  });

  test("are few", () => {
    const kept = new KeptReadings(() => new Read());
    const values = Array.from({ length: 12 }, (_, value) => value);
    for (const value of values) kept.keep(numbers(3, value), new Read(numbers(3, value)));
    expect(values.filter((value) => kept.recall(numbers(5, value)).length > 0)).toEqual(values.slice(-8));
  });

  test("make no room for a text of which nothing was read", () => {
    const kept = new KeptReadings(() => new Read());
    const values = Array.from({ length: 8 }, (_, value) => value);
    for (const value of values) kept.keep(numbers(3, value), new Read(numbers(3, value)));
    kept.keep(numbers(3, 9), new Read());
    expect(values.filter((value) => kept.recall(numbers(5, value)).length > 0)).toEqual(values);
  });

  test("take the place of those of their beginning", () => {
    const kept = new KeptReadings(() => new Read());
    for (let length = 1000; length <= 5000; length += 1000) kept.keep(numbers(length, 1), new Read(numbers(length, 1)));
    kept.keep(numbers(3000, 2), new Read(numbers(3000, 2)));
    expect([1, 2].map((value) => kept.recall(numbers(9000, value)).length)).toEqual([5000, 3000]);
  });
});
