import { decodeImage } from "@rivulet/media";
import { expect, test } from "vitest";
import { contactSheet } from "./contact-sheet.ts";
import { type Figure, isReached } from "./starter-check.ts";
import { tableOf } from "./table.ts";

const right: Figure = { name: "right", value: 0.86, unit: "share", goal: { atLeast: 0.9 } };

test("a figure without a goal is reached, and not a number reaches none", () => {
  expect(isReached({ name: "time", value: 7, unit: "ms" })).toBe(true);
  expect(isReached(right)).toBe(false);
  expect(isReached({ ...right, value: 0.9 })).toBe(true);
  expect(isReached({ ...right, value: Number.NaN })).toBe(false);
  expect(isReached({ ...right, goal: { atMost: 0.9 } })).toBe(true);
});

test("the table tells each value beside its goal, and which is missed", () => {
  const text = tableOf("upscale", [right, { name: "gain", value: 1.25, unit: "dB", goal: { atLeast: 1 } }]);
  expect(text.split("\n")).toEqual([
    "upscale",
    "  right     86.0 %  MISSES  ≥ 90.0 %",
    "  gain     1.25 dB  reaches ≥ 1.00 dB",
  ]);
});

test("a contact sheet has a band for each pipeline with pictures, whatever their sizes", async () => {
  const tile = (width: number, height: number) => ({
    picture: { width, height, data: new Uint8Array(3 * width * height) },
    isRight: width > height,
  });
  const bands = [
    { title: "image-to-image", tiles: [tile(3, 1), tile(256, 256), tile(1, 1000)] },
    { title: "llm", tiles: [] },
  ];
  const sheet = await decodeImage(await contactSheet(bands));
  // Sixteen tiles of 128 in a row, under a title of 32: one band.
  expect([sheet.width, sheet.height]).toEqual([2048, 160]);
  const frameOf = (tile: number) => [
    ...sheet.data.subarray(3 * (32 * 2048 + tile * 128), 3 * (32 * 2048 + tile * 128 + 1)),
  ];
  expect([0, 1, 2, 3].map(frameOf)).toEqual([
    [0, 150, 0],
    [255, 0, 0],
    [255, 0, 0],
    [255, 255, 255],
  ]);
  await expect(contactSheet([])).resolves.toBeInstanceOf(Uint8Array);
});
