import type { Rgb8 } from "@rivulet/media";
import { partOfPlanes } from "../vision/planes.ts";

/** Planes of numbers, the sides of a plane last. */
export interface Planes {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

type Sides = readonly [height: number, width: number];

/** Planes whose sides are the next multiples of `step`, the last row and column repeated; the same where they are already. */
export function grownToMultiples(planes: Planes, step: number): Planes {
  const { data, dims } = planes;
  const [height, width] = sidesOf(planes);
  const [high, wide] = [Math.ceil(height / step) * step, Math.ceil(width / step) * step];
  if (high === height && wide === width) return planes;
  const count = data.length / (height * width);
  const grown = new Float32Array(count * high * wide);
  for (let plane = 0; plane < count; plane++)
    for (let y = 0; y < high; y++) {
      const from = (plane * height + Math.min(y, height - 1)) * width;
      const at = (plane * high + y) * wide;
      grown.set(data.subarray(from, from + width), at);
      grown.fill(data[from + width - 1] ?? 0, at + width, at + wide);
    }
  return { data: grown, dims: [...dims.slice(0, -2), high, wide] };
}

/** Of each plane the top left part. */
export function topLeft(data: Float32Array, [high, wide]: Sides, [height, width]: Sides): Float32Array {
  return partOfPlanes(data, { width: wide, height: high }, { left: 0, top: 0, width, height });
}

/** The top left of a picture; the same when that is all of it. */
export function topLeftOf(picture: Rgb8, { width, height }: Pick<Rgb8, "width" | "height">): Rgb8 {
  if (picture.width === width && picture.height === height) return picture;
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    const from = 3 * y * picture.width;
    data.set(picture.data.subarray(from, from + 3 * width), 3 * y * width);
  }
  return { width, height, data };
}

export function sidesOf({ dims }: Planes): Sides {
  return [dims.at(-2) ?? 1, dims.at(-1) ?? 1];
}
