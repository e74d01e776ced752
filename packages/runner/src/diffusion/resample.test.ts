import { expect, test } from "vitest";
import { vectors } from "../../test/vectors.ts";
import { bicubic, resized } from "./resample.ts";

interface Resize {
  readonly name: string;
  readonly input: {
    readonly width: number;
    readonly height: number;
    readonly data: readonly number[];
    readonly toWidth: number;
    readonly toHeight: number;
  };
  readonly expected: readonly number[];
}

const { cases, tolerance } = vectors<Resize>("resize-bicubic");
test.each(cases)("an image is resized as the reference's library does it: $name", ({ input, expected }) => {
  const image = { ...input, data: Uint8Array.from(input.data) };
  const { data, width, height } = resized(image, input.toWidth, input.toHeight, bicubic);
  expect([width, height]).toEqual([input.toWidth, input.toHeight]);
  const apart = Array.from(data, (value, index) => Math.abs(value - (expected[index] ?? -1000)));
  expect(Math.max(...apart)).toBeLessThanOrEqual(tolerance);
});
