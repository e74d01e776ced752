import type { Rgb8 } from "@rivulet/media";
import { at } from "../schedulers/schedule.ts";

const CHANNELS = 3;

/** How the colours of a view are brought to the range that an image encoder was trained on. */
export interface Normalization {
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

/**
 * A picture as the image encoder of a video model sees it: stretched to a square, blurred first where it gets smaller, its
 * colours normalised, as planes. In one pass an axis: the blur and the interpolation are both weighted sums, and so is one
 * after the other. Source: runner-and-models 7.16.
 */
export function clipView(
  { data, width, height }: Rgb8,
  side: number,
  { mean, deviation }: Normalization,
): Float32Array {
  const across = windowsFor(width, side);
  const rows = new Float32Array(height * side * CHANNELS);
  for (let y = 0; y < height; y++)
    for (const [x, window] of across.entries())
      for (let c = 0; c < CHANNELS; c++)
        rows[(y * side + x) * CHANNELS + c] = weighed(data, window, y * width * CHANNELS + c, CHANNELS) / 255;
  const planes = new Float32Array(side * side * CHANNELS);
  const stride = side * CHANNELS;
  for (const [y, window] of windowsFor(height, side).entries())
    for (let x = 0; x < side; x++)
      for (let c = 0; c < CHANNELS; c++)
        planes[(c * side + y) * side + x] =
          (weighed(rows, window, x * CHANNELS + c, stride) - (mean[c] ?? 0)) / (deviation[c] ?? 1);
  return planes;
}

/** The samples, from one on, that make a sample of the view, and how much of each. */
interface Window {
  readonly from: number;
  readonly weights: Float64Array;
}

/** The inner loop of the whole: no iterators. */
function weighed(samples: ArrayLike<number>, { from, weights }: Window, start: number, stride: number): number {
  let sum = 0;
  for (let i = 0, position = start + from * stride; i < weights.length; i++, position += stride)
    sum += (weights[i] ?? 0) * (samples[position] ?? 0);
  return sum;
}

function windowsFor(inputs: number, outputs: number): readonly Window[] {
  const blur = gaussian(inputs / outputs);
  const reach = (blur.length - 1) / 2;
  // The corners of both grids lie on each other. In single precision, as the reference places its samples.
  const step = outputs > 1 ? Math.fround((inputs - 1) / (outputs - 1)) : 0;
  return Array.from({ length: outputs }, (_, index) => {
    const position = Math.fround(step * index);
    const base = Math.min(Math.floor(position), inputs - 1);
    const shares = new Map<number, number>();
    for (const [tap, share] of cubic(Math.fround(position - base)).entries()) {
      const centre = Math.min(Math.max(base + tap - 1, 0), inputs - 1);
      for (let i = -reach; i <= reach; i++) {
        const sample = mirrored(centre + i, inputs);
        shares.set(sample, (shares.get(sample) ?? 0) + share * at(blur, i + reach));
      }
    }
    const from = Math.min(...shares.keys());
    const weights = new Float64Array(Math.max(...shares.keys()) - from + 1);
    for (const [sample, share] of shares) weights[sample - from] = share;
    return { from, weights };
  });
}

/** Weights of a blur that removes what a picture `factor` times as small cannot show: an odd number of them. */
function gaussian(factor: number): Float64Array {
  const deviation = Math.max((factor - 1) / 2, 0.001);
  const size = Math.trunc(Math.max(4 * deviation, 3)) | 1;
  const raw = Float64Array.from({ length: size }, (_, i) =>
    Math.exp(-((i - (size - 1) / 2) ** 2) / (2 * deviation ** 2)),
  );
  const sum = raw.reduce((total, weight) => total + weight, 0);
  return raw.map((weight) => weight / sum);
}

/** The cubic convolution kernel with a = −3/4, for the samples around a point at `t` between the second and the third. */
function cubic(t: number): readonly number[] {
  const a = -0.75;
  const near = (x: number) => ((a + 2) * x - (a + 3)) * x * x + 1;
  const far = (x: number) => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}

/** Where a position outside is read from: the picture is continued by its mirror image, the edge itself not repeated. */
function mirrored(position: number, length: number): number {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const folded = ((position % period) + period) % period;
  return Math.min(folded, period - folded);
}
