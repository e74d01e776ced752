import fc from "fast-check";
import { expect, test } from "vitest";
import { groupsOf, type Window, windowsOf } from "./windows.ts";

async function cut(
  samples: Float32Array,
  sizes: readonly number[],
  length: number,
  overlap: number,
): Promise<Window[]> {
  async function* blocks() {
    for (let at = 0, i = 0; at < samples.length; i++) {
      const size = sizes[i % sizes.length] ?? 1;
      yield samples.subarray(at, at + size);
      at += size;
    }
  }
  const windows: Window[] = [];
  for await (const window of windowsOf(blocks(), length, overlap)) windows.push(window);
  return windows;
}

test("windows without their overlaps are the sound, however it comes", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 400 }),
      fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 0, max: 9 }),
      async (count, sizes, overlap) => {
        const samples = Float32Array.from({ length: count }, (_, i) => i);
        const windows = await cut(samples, sizes, 30, overlap);
        const kept = windows.flatMap((window) => [
          ...window.samples.slice(window.left, window.samples.length - window.right),
        ]);
        expect(kept).toEqual([...samples]);
        expect(windows.every((window) => window.samples.length <= 30)).toBe(true);
        expect(windows.slice(0, -1).every((window) => window.samples.length === 30)).toBe(true);
      },
    ),
  );
});

test("sound of one window is one, and silence of no samples is none", async () => {
  expect((await cut(new Float32Array(30), [7], 30, 5)).map(({ left, right }) => [left, right])).toEqual([[0, 0]]);
  expect((await cut(new Float32Array(31), [31], 30, 5)).map(({ left, right }) => [left, right])).toEqual([
    [0, 5],
    [5, 0],
  ]);
  expect(await cut(new Float32Array(0), [1], 30, 5)).toEqual([]);
});

test("groups are as large as they may be at the time, and lose nothing", async () => {
  async function* items() {
    yield* [1, 2, 3, 4, 5, 6, 7];
  }
  let size = 1;
  const groups: (readonly number[])[] = [];
  for await (const group of groupsOf(items(), () => size)) {
    groups.push(group);
    size = 4;
  }
  expect(groups).toEqual([[1], [2, 3, 4, 5], [6, 7]]);
});
