import type { Rgb8 } from "@rivulet/media";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Rectangle } from "../vision/planes.ts";
import { madeInTiles, type Tiling } from "./tiles.ts";

const FACTOR = 2;
const STEP = 4;

/** A picture in which every pixel is another. */
function picture(width: number, height: number): Rgb8 {
  return { width, height, data: Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 37 + (i >> 8)) % 256) };
}

/** A part of a picture with each of its pixels several times. */
function enlarged({ data, width }: Rgb8, tile: Rectangle): Rgb8 {
  const [wide, high] = [tile.width * FACTOR, tile.height * FACTOR];
  const made = new Uint8Array(3 * wide * high);
  for (let y = 0; y < high; y++)
    for (let x = 0; x < wide; x++) {
      const from = 3 * ((tile.top + Math.floor(y / FACTOR)) * width + tile.left + Math.floor(x / FACTOR));
      made.set(data.subarray(from, from + 3), 3 * (y * wide + x));
    }
  return { width: wide, height: high, data: made };
}

const tilings = fc.record({ side: fc.integer({ min: 24, max: 40 }), overlap: fc.integer({ min: 4, max: 10 }) });
const sides = fc.integer({ min: 1, max: 120 });

test("is the whole, whatever its size and that of the tiles, and nobody is asked for more than a tile", async () => {
  await fc.assert(
    fc.asyncProperty(sides, sides, tilings, async (width, height, tiling) => {
      const given = picture(width, height);
      const made = await madeInTiles(
        given,
        FACTOR,
        STEP,
        async (tile) => {
          expect(Math.max(tile.width, tile.height)).toBeLessThanOrEqual(tiling.side);
          expect([tile.left % STEP, tile.top % STEP]).toEqual([0, 0]);
          return enlarged(given, tile);
        },
        tiling,
      );
      const whole = enlarged(given, { left: 0, top: 0, width, height });
      expect([made.width, made.height]).toEqual([whole.width, whole.height]);
      expect(Buffer.compare(made.data, whole.data)).toBe(0);
    }),
  );
});

describe("where tiles meet", () => {
  const tiling: Tiling = { side: 32, overlap: 8 };

  /** Of a picture of one height, each tile in another brightness. */
  async function brightness(change: (level: number, x: number, width: number) => number): Promise<readonly number[]> {
    const levels = [10, 200];
    const made = await madeInTiles(
      { width: 56, height: 4 },
      FACTOR,
      STEP,
      async ({ width, height }) => {
        const level = levels.shift() ?? 0;
        const data = Uint8Array.from({ length: 3 * width * height * FACTOR ** 2 }, (_, i) =>
          change(level, Math.floor(i / 3) % (width * FACTOR), width * FACTOR),
        );
        return { width: width * FACTOR, height: height * FACTOR, data };
      },
      tiling,
    );
    return Array.from({ length: made.width }, (_, x) => made.data[3 * x] ?? 0);
  }

  test("one fades into the other", async () => {
    const row = await brightness((level) => level);
    const steps = row.slice(1).map((value, x) => value - (row[x] ?? 0));
    expect([row[0], row.at(-1)]).toEqual([10, 200]);
    expect(Math.min(...steps)).toBe(0);
    expect(Math.max(...steps)).toBeLessThanOrEqual(Math.ceil((2 * 190) / (tiling.overlap * FACTOR)));
  });

  test("what lies outermost of either is not seen", async () => {
    const margin = (tiling.overlap * FACTOR) / 4;
    const clean = await brightness((level) => level);
    const spoiled = await brightness((level, x, width) => {
      const isInner = level === 10 ? x >= width - margin : x < margin;
      return isInner ? 255 : level;
    });
    expect(spoiled).toEqual(clean);
  });
});
