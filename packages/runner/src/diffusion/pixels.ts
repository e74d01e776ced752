import type { Rgb8 } from "@rivulet/media";
import { refuseNonFinite } from "../graphs/finite.ts";
import { planesBy } from "../vision/planes.ts";

/** Of each byte its place from −1 to 1, in single precision as the reference has it. */
const LEVELS = Float32Array.from({ length: 256 }, (_, byte) => Math.fround(2 * Math.fround(byte / 255)) - 1);
const COLOURS = [LEVELS, LEVELS, LEVELS] as const;

/** From interleaved bytes to planes of −1 to 1. */
export function planesOf(picture: Rgb8): Float32Array {
  return planesBy(picture, COLOURS);
}

/**
 * From planes of −1 to 1 to interleaved bytes, in single precision and rounding halves to even, as the reference does. Throws
 * "runner.failed" for numbers that have overflowed.
 */
export function pixelsOf(planes: Float32Array, area: number): Uint8Array {
  refuseNonFinite(planes, "pixels");
  const pixels = new Uint8ClampedArray(area * 3);
  for (let channel = 0; channel < 3; channel++)
    for (let i = 0; i < area; i++)
      // Assigning to a clamped array clamps to 0…255 and rounds halves to even.
      pixels[i * 3 + channel] = Math.fround(Math.fround((planes[channel * area + i] ?? 0) * 0.5 + 0.5) * 255);
  return new Uint8Array(pixels.buffer);
}
