import { expect, test } from "vitest";
import { asBits, asLogits, type Rows, writtenRows } from "./mask-text.ts";

const { signal } = new AbortController();

/** Rows of numbers that are told apart by where they stand. */
const rectangle = (width: number, height: number, unit: number): Rows => ({
  width,
  height,
  fill: (row, y) => row.set(row.map((_, x) => (y * width + x - 2) * unit)),
});
const numbersOf = ({ width, height, fill }: Rows) =>
  Array.from({ length: height }, (_, y) => {
    const row = new Float32Array(width);
    fill(row, y);
    return [...row];
  });

test("rectangles are lists of rows of numbers", async () => {
  expect(await writtenRows([rectangle(2, 1, 1), rectangle(1, 2, 2)], asLogits, signal)).toBe(
    "[[[-2.0000000,-1.0000000]],[[-4.0000000],[-2.0000000]]]",
  );
  expect(await writtenRows([rectangle(4, 1, 1)], asBits, signal)).toBe("[[[0.0,0.0,0.0,1.0]]]");
});

test("no rectangles are an empty list", async () => {
  expect(await writtenRows([], asLogits, signal)).toBe("[]");
});

test("numbers longer than expected have room too", async () => {
  const rectangles = [rectangle(300, 20, -1e-38), rectangle(7, 200, 1.7e-20)];
  const told: number[][][] = JSON.parse(await writtenRows(rectangles, asLogits, signal));
  const numbers = told.map((rows) => rows.map((row) => row.map(Math.fround)));
  expect(numbers).toEqual(rectangles.map((rows) => numbersOf(rows).map((row) => row.map((number) => number + 0))));
});

test("an abort ends the writing", async () => {
  const reason = new Error("gone");
  await expect(writtenRows([rectangle(1024, 1024, 1)], asBits, AbortSignal.abort(reason))).rejects.toBe(reason);
});
