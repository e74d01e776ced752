import type { Rgb8 } from "@rivulet/media";
import type { Rectangle } from "./planes.ts";

const CHANNELS = 3;

/** How much samples around a point count, by their distance; nothing beyond `reach`. */
export interface Kernel {
  readonly reach: number;
  readonly weight: (distance: number) => number;
}

/** The cubic convolution kernel with a = −1/2 (Keys 1981). */
export const bicubic: Kernel = {
  reach: 2,
  weight: (distance) => {
    const x = Math.abs(distance);
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
  },
};

/** A triangle: between the two nearest samples when an image grows. */
export const bilinear: Kernel = { reach: 1, weight: (distance) => Math.max(0, 1 - Math.abs(distance)) };

/** Lanczos' window of three lobes. */
export const lanczos: Kernel = {
  reach: 3,
  weight: (distance) => (Math.abs(distance) < 3 ? sinc(distance) * sinc(distance / 3) : 0),
};

/**
 * An image in another size, with antialiasing: rows first, then columns, rounded to bytes in between, as the
 * reference's image library does it. The same image when the size is its own.
 */
export function resized(image: Rgb8, width: number, height: number, kernel: Kernel): Rgb8 {
  if (image.width === width && image.height === height) return image;
  return resizedPart(image, { width, height }, { left: 0, top: 0, width, height }, kernel);
}

/** A part of the image in another size. What lies outside it costs nothing, however long and thin the image is. */
export function resizedPart(
  image: Rgb8,
  size: { readonly width: number; readonly height: number },
  { left, top, width, height }: Rectangle,
  kernel: Kernel,
): Rgb8 {
  const down = windowsFor(image.height, size.height, kernel, top, height);
  const wide = widened(rowsOf(image, down), windowsFor(image.width, size.width, kernel, left, width));
  const first = down.first.map((y) => y - (down.first[0] ?? 0));
  return { width, height, data: heightened(wide, width * CHANNELS, { ...down, first }) };
}

/** The rows of which anything is made. */
function rowsOf({ width, data }: Rgb8, { first, count }: Windows): Rgb8 {
  const [begin, end] = [first[0] ?? 0, (first.at(-1) ?? 0) + (count.at(-1) ?? 0)];
  const row = width * CHANNELS;
  return { width, height: end - begin, data: data.subarray(begin * row, end * row) };
}

/**
 * Weights are whole multiples of 1 / 2²², as in the reference's image library: so that halves are rounded the same way, and
 * that a sum of weighed bytes fits 32 bits.
 */
const UNIT_BITS = 22;
const UNIT = 2 ** UNIT_BITS;
const HALF = UNIT / 2;

/** Which input samples make each output sample, and how much of each: as many weights from `first` on, whole numbers of units. */
interface Windows {
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** Those of one output after those of the other, each `most` long. */
  readonly weights: Int32Array;
  readonly most: number;
}

function widened({ width, height, data }: Rgb8, { first, count, weights, most }: Windows): Uint8ClampedArray {
  const bytes = new Uint8ClampedArray(first.length * height * CHANNELS);
  let to = 0;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < first.length; x++) {
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      let from = (y * width + (first[x] ?? 0)) * CHANNELS;
      const end = x * most + (count[x] ?? 0);
      for (let i = x * most; i < end; i++) {
        const weight = weights[i] ?? 0;
        red += Math.imul(weight, data[from] ?? 0);
        green += Math.imul(weight, data[from + 1] ?? 0);
        blue += Math.imul(weight, data[from + 2] ?? 0);
        from += CHANNELS;
      }
      bytes[to++] = red >> UNIT_BITS;
      bytes[to++] = green >> UNIT_BITS;
      bytes[to++] = blue >> UNIT_BITS;
    }
  return bytes;
}

function heightened(data: Uint8ClampedArray, row: number, { first, count, weights, most }: Windows): Uint8Array {
  const bytes = new Uint8ClampedArray(row * first.length);
  let to = 0;
  for (let y = 0; y < first.length; y++) {
    const start = (first[y] ?? 0) * row;
    const end = y * most + (count[y] ?? 0);
    for (let x = 0; x < row; x++) {
      let sum = HALF;
      let from = start + x;
      for (let i = y * most; i < end; i++) {
        sum += Math.imul(weights[i] ?? 0, data[from] ?? 0);
        from += row;
      }
      bytes[to++] = sum >> UNIT_BITS;
    }
  }
  return new Uint8Array(bytes.buffer);
}

/** Those of `outputs` samples from `begin` on, where `all` are made of `inputs`. */
function windowsFor(inputs: number, all: number, { reach, weight }: Kernel, begin: number, outputs: number): Windows {
  const scale = inputs / all;
  const stretch = Math.max(scale, 1);
  const most = Math.ceil(2 * reach * stretch) + 1;
  const [first, count] = [new Int32Array(outputs), new Int32Array(outputs)];
  const weights = new Int32Array(outputs * most);
  const raw = new Float64Array(most);
  for (let index = 0; index < outputs; index++) {
    const centre = (begin + index + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - reach * stretch + 0.5));
    const length = Math.min(inputs, Math.trunc(centre + reach * stretch + 0.5)) - from;
    let sum = 0;
    for (let i = 0; i < length; i++) {
      const counts = weight((from + i - centre + 0.5) / stretch);
      raw[i] = counts;
      sum += counts;
    }
    for (let i = 0; i < length; i++) weights[index * most + i] = roundHalfAway(((raw[i] ?? 0) / sum) * UNIT);
    first[index] = from;
    count[index] = length;
  }
  return { first, count, weights, most };
}

function roundHalfAway(value: number): number {
  return Math.trunc(value + 0.5 * Math.sign(value));
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}
