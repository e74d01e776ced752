import type { Rgb8 } from "../image.ts";

/** The size of a picture as films have it: video is coded in blocks of two by two pixels. */
export function evenSize({ width, height }: Pick<Rgb8, "width" | "height">): {
  readonly width: number;
  readonly height: number;
} {
  return { width: width + (width % 2), height: height + (height % 2) };
}

/**
 * A picture as a frame of video: brightness for every pixel, two colour differences for every four, one plane after the
 * other. An odd side is made even by its last row or column once more. Source of the weights: ITU-R BT.709, limited range.
 */
export function yuv420({ width, height, data }: Rgb8): Uint8Array {
  const even = evenSize({ width, height });
  const area = even.width * even.height;
  const frame = new Uint8ClampedArray((area * 3) / 2);
  let [luma, chroma] = [0, area];
  for (let y = 0; y < even.height; y += 2)
    for (let x = 0; x < even.width; x += 2) {
      let [r, g, b] = [0, 0, 0];
      luma = y * even.width + x;
      for (let dy = 0; dy < 2; dy++)
        for (let dx = 0; dx < 2; dx++) {
          const from = 3 * (Math.min(y + dy, height - 1) * width + Math.min(x + dx, width - 1));
          const [red, green, blue] = [data[from] ?? 0, data[from + 1] ?? 0, data[from + 2] ?? 0];
          // Rounded by the assignment, and so are the two below.
          frame[luma + dy * even.width + dx] = 16 + (0.2126 * red + 0.7152 * green + 0.0722 * blue) * LUMA_SCALE;
          r += red;
          g += green;
          b += blue;
        }
      const bright = 0.2126 * r + 0.7152 * g + 0.0722 * b;
      frame[chroma] = 128 + ((b - bright) / 4 / 1.8556) * CHROMA_SCALE;
      frame[chroma + area / 4] = 128 + ((r - bright) / 4 / 1.5748) * CHROMA_SCALE;
      chroma += 1;
    }
  return new Uint8Array(frame.buffer);
}

/** In limited range brightness has 219 steps and a colour difference 224, where a byte has 255. */
const LUMA_SCALE = 219 / 255;
const CHROMA_SCALE = 224 / 255;
