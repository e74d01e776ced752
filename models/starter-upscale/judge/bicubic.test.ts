import { expect, test } from "vitest";
import { bicubic } from "./bicubic.ts";

// Made with Pillow 12, `Image.resize(size, Image.Resampling.BICUBIC)`, of four by three random pixels.
const PICTURE = {
  width: 4,
  height: 3,
  data: Uint8Array.of(
    ...[248, 194, 190, 207, 147, 26, 237, 21, 245, 211, 239, 45],
    ...[5, 157, 159, 60, 54, 236, 109, 46, 199, 82, 32, 205],
    ...[36, 7, 134, 222, 57, 146, 8, 149, 14, 15, 22, 10],
  ),
};
const SMALLER = [160, 135, 154, 179, 95, 164, 84, 63, 156, 52, 64, 92];
const LARGER = [
  255, 201, 209, 255, 193, 152, 232, 175, 29, 225, 120, 46, 246, 28, 211, 246, 63, 218, 231, 212, 76, 223,
];

test("a picture shrinks and grows as the library that everybody uses does it, but for rounding", () => {
  const apart = (made: ArrayLike<number>, wanted: readonly number[]) =>
    Math.max(...wanted.map((value, i) => Math.abs(value - (made[i] ?? -1))));
  expect(apart(bicubic(PICTURE, 2, 2).data, SMALLER)).toBeLessThanOrEqual(1);
  expect(apart(bicubic(PICTURE, 8, 9).data, LARGER)).toBeLessThanOrEqual(1);
});

test("a flat picture stays flat", () => {
  const flat = { width: 5, height: 5, data: new Uint8Array(75).fill(77) };
  expect(new Set(bicubic(flat, 20, 3).data)).toEqual(new Set([77]));
});
