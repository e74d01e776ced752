import { expect, test } from "vitest";
import { distance, vectors } from "../../test/vectors.ts";
import { clipInput } from "./safety-checker.ts";

interface Picture {
  readonly name: string;
  readonly input: { readonly width: number; readonly height: number };
  readonly expected: { readonly indices: readonly number[]; readonly values: readonly number[] };
}

const { cases, tolerance } = vectors<Picture>("clip-input");
test.each(cases)("a picture is shown to the checker as in training: $name", ({ input, expected }) => {
  const { width, height } = input;
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) data.set([7 * x + 3 * y, x * y, x * x + 5 * y], (y * width + x) * 3);
  const planes = clipInput({ width, height, data });
  expect(planes.length).toBe(3 * 224 * 224);
  const values = expected.indices.map((index) => planes[index] ?? Number.NaN);
  expect(distance(values, expected.values)).toBeLessThan(tolerance);
});

test("of a picture as thin as a line only the middle is looked at", () => {
  const [width, height] = [1, 60_000];
  const planes = clipInput({ width, height, data: new Uint8Array(width * height * 3).fill(128) });
  expect(new Set(planes).size).toBe(3);
});
