import fc from "fast-check";
import { expect, test } from "vitest";
import { multiplyHigh, philox } from "./philox.ts";

// Source: the known answers that come with the authors' own implementation, Random123.
test.each([
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [new Array(4).fill(0xffffffff), [0xffffffff, 0xffffffff], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
])("counter %j with key %j becomes the block its authors say", (counter, [low = 0, high = 0], expected) => {
  const block = Uint32Array.from(counter);
  philox(block, low, high);
  expect([...block]).toEqual(expected);
});

test("the upper half of a product is that of the whole product", () => {
  const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      expect(multiplyHigh(a, b) >>> 0).toBe(Number((BigInt(a) * BigInt(b)) >> 32n));
    }),
  );
});
