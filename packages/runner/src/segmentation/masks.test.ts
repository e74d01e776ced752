import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Rows } from "./mask-text.ts";
import { answering, enlarged, type Mask } from "./masks.ts";

const mask = (score: number, ...logits: number[]): Mask => ({
  score,
  width: logits.length,
  height: 1,
  logits: Float32Array.from(logits),
});

describe("the one mask of a request without a choice", () => {
  const choices = [mask(0.5, 1, 1), mask(0.9, 2, 2), mask(0.7, 3, 3)];
  const stability = { delta: 0.05, least: 0.98 };

  test("is the model's single answer while that is stable, whatever its score", () => {
    const single = mask(0.1, 4, -4);
    expect(answering([single, ...choices], false, stability)).toEqual([single]);
  });

  test("is the best of the others when a small step would change the single answer", () => {
    expect(answering([mask(1, 4, 0.01), ...choices], false, stability)).toEqual([choices[1]]);
  });

  test("is stable when it is empty at any threshold", () => {
    const empty = mask(0.1, -4, -4);
    expect(answering([empty, ...choices], false, stability)).toEqual([empty]);
  });

  test("is the best of three where a model gives only those", () => {
    expect(answering(choices, false, stability)).toEqual([choices[1]]);
  });
});

test("masks of equal score keep their order", () => {
  const [a, b, c] = [mask(0.5, 1), mask(0.5, 2), mask(0.6, 3)];
  expect(answering([a, b, c], true, { delta: 0, least: 0 })).toEqual([c, a, b]);
});

const rowsOf = ({ width, height, fill }: Rows) =>
  Array.from({ length: height }, (_, y) => {
    const row = new Float32Array(width);
    fill(row, y);
    return row;
  });

test("between two places a mask changes evenly, and beyond the outer ones not at all", () => {
  const [, second] = rowsOf(enlarged(mask(1, 0, 8), { width: 8, height: 2 }));
  expect([...(second ?? [])]).toEqual([0, 0, 1, 3, 5, 7, 8, 8]);
});

test("a place between four is found as if it were the only one", () => {
  const side = fc.integer({ min: 1, max: 9 });
  fc.assert(
    fc.property(
      side,
      side,
      side,
      side,
      fc.infiniteStream(fc.float({ noNaN: true })),
      (width, height, toWidth, toHeight, stream) => {
        const logits = Float32Array.from({ length: width * height }, () => stream.next().value);
        const at = (x: number, y: number) => logits[Math.min(y, height - 1) * width + Math.min(x, width - 1)] ?? 0;
        const rows = rowsOf(enlarged({ score: 1, width, height, logits }, { width: toWidth, height: toHeight }));
        for (const [y, row] of rows.entries())
          for (const [x, value] of row.entries()) {
            const [across, down] = [
              Math.max(0, ((x + 0.5) * width) / toWidth - 0.5),
              Math.max(0, ((y + 0.5) * height) / toHeight - 0.5),
            ];
            const [left, top] = [Math.trunc(across), Math.trunc(down)];
            const along = (line: number) =>
              at(left, line) * (1 - (across - left)) + at(left + 1, line) * (across - left);
            expect(value).toBe(Math.fround(along(top) * (1 - (down - top)) + along(top + 1) * (down - top)));
          }
      },
    ),
  );
});
