import type { Rgb8 } from "@rivulet/media";

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
  const wide = new Uint8ClampedArray(width * image.height * CHANNELS);
  const across = windowsFor(image.width, width, kernel);
  for (let y = 0; y < image.height; y++)
    for (const [x, window] of across.entries())
      for (let c = 0; c < CHANNELS; c++)
        wide[(y * width + x) * CHANNELS + c] = weighed(image.data, window, y * image.width * CHANNELS + c, CHANNELS);
  const whole = new Uint8ClampedArray(width * height * CHANNELS);
  const row = width * CHANNELS;
  for (const [y, window] of windowsFor(image.height, height, kernel).entries())
    for (let i = 0; i < row; i++) whole[y * row + i] = weighed(wide, window, i, row);
  return { width, height, data: new Uint8Array(whole.buffer) };
}

/** Weights are whole multiples of 1 / 2²², as in the reference's image library: so that halves are rounded the same way. */
const UNIT = 2 ** 22;

/** The weighted sum of samples `stride` apart, the first of all at `start`. The inner loop of the whole: no iterators. */
function weighed(samples: ArrayLike<number>, { from, weights }: Window, start: number, stride: number): number {
  let sum = UNIT / 2;
  for (let i = 0, at = start + from * stride; i < weights.length; i++, at += stride)
    sum += (weights[i] ?? 0) * (samples[at] ?? 0);
  return Math.floor(sum / UNIT);
}

/** Which input samples make an output sample, and how much of each. */
interface Window {
  readonly from: number;
  /** Whole numbers of units. */
  readonly weights: Float64Array;
}

function windowsFor(inputs: number, outputs: number, kernel: Kernel): readonly Window[] {
  const scale = inputs / outputs;
  const stretch = Math.max(scale, 1);
  const reach = kernel.reach * stretch;
  return Array.from({ length: outputs }, (_, index) => {
    const centre = (index + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - reach + 0.5));
    const to = Math.min(inputs, Math.trunc(centre + reach + 0.5));
    const raw = Float64Array.from({ length: to - from }, (_, i) => kernel.weight((from + i - centre + 0.5) / stretch));
    const sum = raw.reduce((total, weight) => total + weight, 0);
    return { from, weights: raw.map((weight) => roundHalfAway((weight / sum) * UNIT)) };
  });
}

function roundHalfAway(value: number): number {
  return Math.trunc(value + 0.5 * Math.sign(value));
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}
