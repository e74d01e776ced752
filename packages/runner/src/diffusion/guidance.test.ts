import { expect, test } from "vitest";
import { distance, vectors } from "../../test/vectors.ts";
import { guidanceEmbedding, guided, isGuided } from "./guidance.ts";

interface Weight {
  readonly name: string;
  readonly input: { readonly weight: number; readonly width: number };
  readonly expected: { readonly sines: readonly number[]; readonly cosines: readonly number[] };
}

for (const file of ["guidance-embedding", "guidance-embedding-single"]) {
  const { cases, tolerance } = vectors<Weight>(file);
  test.each(cases)(`a guidance scale is embedded as in ${file}: $name`, ({ input, expected }) => {
    const embedding = guidanceEmbedding(input.weight + 1, input.width);
    const half = input.width / 2;
    expect(distance(embedding.subarray(0, 3), expected.sines)).toBeLessThan(tolerance);
    expect(distance(embedding.subarray(half, half + 3), expected.cosines)).toBeLessThan(tolerance);
  });
}

test("guidance goes from the answer without the prompt towards and past the one with it", () => {
  expect([...guided(Float32Array.of(1, 2), Float32Array.of(2, 0), 3)]).toEqual([4, -4]);
});

test("guidance of up to one is none", () => {
  expect([-2, 0, 1, 1.01, 7.5].map(isGuided)).toEqual([false, false, false, true, true]);
});
