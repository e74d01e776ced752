import fc from "fast-check";
import { expect, test } from "vitest";
import { refuseNonFinite } from "./finite.ts";

const [finite, broken] = [
  fc.float({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
];

function refuse(values: readonly number[]): void {
  refuseNonFinite(Float32Array.from(values), "answer");
}

test("any finite numbers pass, also those that no float is larger than", () => {
  fc.assert(fc.property(fc.array(finite), refuse));
  refuse(new Array<number>(1000).fill(3.4e38));
});

test("one number that is none is found among any others, also beside its opposite", () => {
  fc.assert(
    fc.property(fc.array(finite), fc.array(broken, { minLength: 1, maxLength: 3 }), fc.array(finite), (...parts) => {
      expect(() => refuse(parts.flat())).toThrow(
        expect.objectContaining({ code: "runner.failed", facts: { reason: expect.stringContaining("answer") } }),
      );
    }),
  );
});
