import { describe, expect, test } from "vitest";
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

test("between two places a mask changes evenly, and beyond the outer ones not at all", () => {
  expect([...enlarged(mask(1, 0, 8), { width: 8, height: 2 }).row(1)]).toEqual([0, 0, 1, 3, 5, 7, 8, 8]);
});
