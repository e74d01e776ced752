import { expect, test } from "vitest";
import { evenSize, yuv420 } from "./yuv.ts";

const filled = (width: number, height: number, colour: readonly number[]) => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => colour[i % 3] ?? 0),
});

// Source: ITU-R BT.709, table 4, for eight bits.
test.each([
  ["black", [0, 0, 0], [16, 128, 128]],
  ["white", [255, 255, 255], [235, 128, 128]],
  ["red", [255, 0, 0], [63, 102, 240]],
  ["green", [0, 255, 0], [173, 42, 26]],
  ["blue", [0, 0, 255], [32, 240, 118]],
])("%s has the brightness and the colour differences of the standard", (_, colour, [luma = 0, blue = 0, red = 0]) => {
  expect([...yuv420(filled(4, 2, colour))]).toEqual([...new Array(8).fill(luma), blue, blue, red, red]);
});

test("a colour difference is the mean of four pixels", () => {
  const data = Uint8Array.from([255, 255, 255, 0, 0, 0, 0, 0, 0, 255, 255, 255]);
  expect([...yuv420({ width: 2, height: 2, data })]).toEqual([235, 16, 16, 235, 128, 128]);
});

test("an odd side is made even by its last row or column once more", () => {
  expect(evenSize({ width: 3, height: 1 })).toEqual({ width: 4, height: 2 });
  const data = Uint8Array.from([0, 0, 0, 0, 0, 0, 255, 255, 255]);
  expect([...yuv420({ width: 3, height: 1, data })]).toEqual([16, 16, 235, 235, 16, 16, 235, 235, 128, 128, 128, 128]);
});
