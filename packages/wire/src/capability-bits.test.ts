import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BYOC_CAPABILITY,
  bitsOf,
  capabilityNames,
  findCapabilityNumber,
  findPipelineName,
  hasBit,
  isSubset,
  numbersOf,
} from "./capability-bits.ts";

const numbers = fc.uniqueArray(fc.nat({ max: 300 }), { maxLength: 20 });

describe("capability bits", () => {
  test("hold the numbers they were made of", () => {
    fc.assert(
      fc.property(numbers, (list) => {
        expect(numbersOf(bitsOf(list))).toEqual(list.toSorted((a, b) => a - b));
        expect(list.every((number) => hasBit(bitsOf(list), number))).toBe(true);
      }),
    );
  });

  test("are part of others exactly when their numbers are", () => {
    fc.assert(
      fc.property(numbers, numbers, (part, whole) => {
        expect(isSubset(bitsOf(part), bitsOf(whole))).toBe(part.every((number) => whole.includes(number)));
        expect(isSubset(bitsOf(part), bitsOf([...part, ...whole]))).toBe(true);
      }),
    );
  });
});

describe("a pipeline's number", () => {
  test("and its name lead to each other, but for byoc", () => {
    for (const number of capabilityNames.keys()) {
      if (number < 27 || number === BYOC_CAPABILITY) continue;
      expect(findCapabilityNumber(findPipelineName(number) ?? "")).toBe(number);
    }
    expect(findPipelineName(13)).toBeUndefined();
  });
});
