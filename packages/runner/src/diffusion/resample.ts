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
  const across = weightsFor(image.width, width);
  for (let y = 0; y < image.height; y++)
    for (const [x, { from, weights }] of across.entries())
      for (let c = 0; c < CHANNELS; c++) {
        let sum = 0;
        for (const [i, weight] of weights.entries())
          sum += weight * (image.data[(y * image.width + from + i) * CHANNELS + c] ?? 0);
        wide[(y * width + x) * CHANNELS + c] = sum;
      }
  const whole = new Uint8ClampedArray(width * height * CHANNELS);
  for (const [y, { from, weights }] of weightsFor(image.height, height).entries())
    for (let i = 0; i < width * CHANNELS; i++) {
      let sum = 0;
      for (const [row, weight] of weights.entries()) sum += weight * (wide[(from + row) * width * CHANNELS + i] ?? 0);
      whole[y * width * CHANNELS + i] = sum;
    }
  return { width, height, data: new Uint8Array(whole.buffer) };
}

/** Which input samples make an output sample, and how much of each. */
interface Window {
  readonly from: number;
  readonly weights: readonly number[];
}

function weightsFor(inputs: number, outputs: number): readonly Window[] {
  const scale = inputs / outputs;
  const stretch = Math.max(scale, 1);
  const reach = REACH * stretch;
  return Array.from({ length: outputs }, (_, index) => {
    const centre = (index + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - reach + 0.5));
    const to = Math.min(inputs, Math.trunc(centre + reach + 0.5));
    const raw = Array.from({ length: to - from }, (_, i) => cubic((from + i - centre + 0.5) / stretch));
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
