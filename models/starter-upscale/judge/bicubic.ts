import type { Rgb8 } from "@rivulet/media";

/** The cubic convolution kernel with a = −1/2 (Keys 1981): what picture programs mean by "bicubic". */
function cubic(distance: number): number {
  const x = Math.abs(distance);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/** For each sample of a longer or shorter row: where it looks, and how much each of these counts. */
function windows(from: number, to: number) {
  const scale = Math.max(1, from / to);
  return Array.from({ length: to }, (_, index) => {
    const centre = ((index + 0.5) * from) / to;
    const first = Math.max(0, Math.floor(centre - 2 * scale + 0.5));
    const last = Math.min(from, Math.floor(centre + 2 * scale + 0.5));
    const weights = Array.from({ length: last - first }, (_, i) => cubic((first + i + 0.5 - centre) / scale));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

/** A picture in another size, the plain way: what an upscaling model has to beat, and what makes its cases small. */
export function bicubic({ data, width, height }: Rgb8, wide: number, high: number): Rgb8 {
  const rows = new Float32Array(3 * wide * height);
  for (const [x, { first, weights }] of windows(width, wide).entries())
    for (let y = 0; y < height; y++)
      for (let c = 0; c < 3; c++)
        rows[3 * (y * wide + x) + c] = weights.reduce(
          (sum, weight, i) => sum + weight * (data[3 * (y * width + first + i) + c] ?? 0),
          0,
        );
  const made = new Uint8ClampedArray(3 * wide * high);
  for (const [y, { first, weights }] of windows(height, high).entries())
    for (let i = 0; i < 3 * wide; i++)
      made[3 * y * wide + i] = weights.reduce(
        (sum, weight, row) => sum + weight * (rows[3 * (first + row) * wide + i] ?? 0),
        0,
      );
  return { width: wide, height: high, data: new Uint8Array(made.buffer) };
}
