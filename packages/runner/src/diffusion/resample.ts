import type { Rgb8 } from "@rivulet/media";

/** Reach of the bicubic kernel in samples. */
const REACH = 2;
const CHANNELS = 3;

/**
 * An image in another size, bicubic with antialiasing: rows first, then columns, rounded to bytes in between, as the
 * reference's image library does it.
 */
export function resizeBicubic(image: Rgb8, width: number, height: number): Rgb8 {
  const wide = new Uint8ClampedArray(width * image.height * CHANNELS);
  const across = windowsFor(image.width, width);
  for (let y = 0; y < image.height; y++)
    for (const [x, window] of across.entries())
      for (let c = 0; c < CHANNELS; c++)
        wide[(y * width + x) * CHANNELS + c] = weighed(image.data, window, y * image.width * CHANNELS + c, CHANNELS);
  const whole = new Uint8ClampedArray(width * height * CHANNELS);
  const row = width * CHANNELS;
  for (const [y, window] of windowsFor(image.height, height).entries())
    for (let i = 0; i < row; i++) whole[y * row + i] = weighed(wide, window, i, row);
  return { width, height, data: new Uint8Array(whole.buffer) };
}

/** The weighted sum of samples `stride` apart, the first of all at `start`. The inner loop of the whole: no iterators. */
function weighed(samples: ArrayLike<number>, { from, weights }: Window, start: number, stride: number): number {
  let sum = 0;
  for (let i = 0, at = start + from * stride; i < weights.length; i++, at += stride)
    sum += (weights[i] ?? 0) * (samples[at] ?? 0);
  return sum;
}

/** Which input samples make an output sample, and how much of each. */
interface Window {
  readonly from: number;
  readonly weights: Float64Array;
}

function windowsFor(inputs: number, outputs: number): readonly Window[] {
  const scale = inputs / outputs;
  const stretch = Math.max(scale, 1);
  const reach = REACH * stretch;
  return Array.from({ length: outputs }, (_, index) => {
    const centre = (index + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - reach + 0.5));
    const to = Math.min(inputs, Math.trunc(centre + reach + 0.5));
    const raw = Float64Array.from({ length: to - from }, (_, i) => cubic((from + i - centre + 0.5) / stretch));
    const sum = raw.reduce((total, weight) => total + weight, 0);
    return { from, weights: raw.map((weight) => weight / sum) };
  });
}

/** The cubic convolution kernel with a = −1/2 (Keys 1981). */
function cubic(distance: number): number {
  const x = Math.abs(distance);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < REACH ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}
