import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_NONCES, NonceWindow } from "./nonce-window.ts";

const nonce = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }));

describe("a window of nonces", () => {
  test("says of each nonce, in any order, whether it came before", () => {
    fc.assert(
      fc.property(fc.array(nonce, { maxLength: 200 }), (nonces) => {
        const window = NonceWindow.empty();
        const seen = new Set<number>();
        for (const each of nonces) {
          expect(window.take(each)).toBe(seen.has(each) ? "seen" : "fresh");
          seen.add(each);
          expect(window.count).toBe(seen.size);
        }
      }),
    );
  });

  test("is the same after it was written and read, in whatever order it was filled", () => {
    fc.assert(
      fc.property(fc.uniqueArray(nonce, { maxLength: 100 }), (nonces) => {
        const window = NonceWindow.empty();
        const sorted = NonceWindow.empty();
        for (const each of nonces) window.take(each);
        for (const each of nonces.toSorted((a, b) => a - b)) sorted.take(each);
        expect(`${window}`).toBe(`${sorted}`);
        const read = NonceWindow.parse(`${window}`);
        expect(`${read}`).toBe(`${window}`);
        for (const each of nonces) expect(read.take(each)).toBe("seen");
      }),
    );
  });

  test("keeps the usual sequence as one run", () => {
    const window = NonceWindow.empty();
    for (const each of [2, 1, 3, 5, 4]) window.take(each);
    expect(`${window}`).toBe("1-5");
  });

  test(`takes ${MAX_NONCES} and then no new one, but still knows the old ones`, () => {
    const window = NonceWindow.empty();
    for (let each = 0; each < MAX_NONCES; each += 1) expect(window.take(each * 7)).toBe("fresh");
    expect(window.take(1)).toBe("too-many");
    expect(window.take(7)).toBe("seen");
  });

  test("is not read from anything else", () => {
    for (const text of [",", "1-", "2-1", "1,2", "3,1", "1-2,3", "-1", "4294967296", "0-600", "x", "1 "]) {
      expect(() => NonceWindow.parse(text), text).toThrow(RangeError);
    }
    expect(() => NonceWindow.empty().take(2 ** 32)).toThrow(RangeError);
    expect(() => NonceWindow.empty().take(1.5)).toThrow(RangeError);
  });
});
