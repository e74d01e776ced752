import { expect, test } from "vitest";
import { distance, vectors } from "../../test/vectors.ts";
import { cudaNoise, noiseOf, type SeedMode } from "./noise.ts";

interface Draws {
  readonly name: string;
  readonly input: { readonly mode: SeedMode; readonly seed: number; readonly sizes: readonly number[] };
  readonly expected: readonly (readonly number[])[];
}

for (const file of ["random", "random-torch"]) {
  const { tolerance, cases } = vectors<Draws>(file);
  test.each(cases)(`${file}: $name`, ({ input, expected }) => {
    const noise = noiseOf(input.seed, input.mode);
    input.sizes.forEach((size, draw) => {
      const values = noise(size);
      expect(values.length).toBe(size);
      const golden = expected[draw] ?? [];
      expect(distance(values.subarray(0, golden.length), golden)).toBeLessThan(tolerance);
    });
  });
}

test("a seed of more than 32 bits is another seed than its lower half", () => {
  expect(noiseOf(2 ** 32 + 1)(4)).not.toEqual(noiseOf(1)(4));
  expect(noiseOf(2 ** 32 + 1)(4)).toEqual(noiseOf(2n ** 32n + 1n)(4));
});

test("a seed's numbers are the same every time, and the next draw is another one", () => {
  const noise = noiseOf(7);
  const first = noise(64);
  expect(noiseOf(7)(64)).toEqual(first);
  expect(noise(64)).not.toEqual(first);
});

test("a tensor larger than the GPU gives each thread its further lanes, then the next block", () => {
  const threads = 8;
  const wide = cudaNoise(3n, 1000);
  const [first, second] = [wide(threads), wide(threads)];
  const narrow = cudaNoise(3n, threads);
  const values = narrow(threads * 4 + threads);
  expect(values.subarray(0, threads)).toEqual(first);
  expect(values.subarray(threads * 4)).toEqual(second);
  expect(new Set(values).size).toBe(values.length);
});

test("numbers of every size are standard normal", () => {
  for (const mode of ["cuda", "cpu"] as const) {
    const values = noiseOf(11, mode)(40_000);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const power = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.02);
    expect(Math.abs(power - 1)).toBeLessThan(0.03);
  }
});
