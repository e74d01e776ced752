import type { Rgb8 } from "@rivulet/media";

type Sides = Pick<Rgb8, "width" | "height">;

/** A part of a picture. */
export interface Rectangle extends Sides {
  readonly left: number;
  readonly top: number;
}

/** From interleaved bytes to planes, by what a byte of each colour is there. */
export function planesBy({ data, width, height }: Rgb8, values: readonly Float32Array[]): Float32Array {
  const area = width * height;
  const planes = new Float32Array(values.length * area);
  for (const [c, levels] of values.entries())
    for (let i = 0; i < area; i++) planes[c * area + i] = levels[data[values.length * i + c] ?? 0] ?? 0;
  return planes;
}

/** What lies in a part, of values that lie plane by plane, as many planes as there are. */
export function partOfPlanes(
  planes: Float32Array,
  { width, height }: Sides,
  part: Rectangle,
): Float32Array<ArrayBuffer> {
  const count = planes.length / (width * height);
  const found = new Float32Array(count * part.width * part.height);
  for (let plane = 0; plane < count; plane++)
    for (let y = 0; y < part.height; y++) {
      const from = (plane * height + part.top + y) * width + part.left;
      found.set(planes.subarray(from, from + part.width), (plane * part.height + y) * part.width);
    }
  return found;
}
