import type { Rgb8 } from "@rivulet/media";
import type { Rectangle } from "../vision/planes.ts";

/** How pictures are cut that are too large to be worked on at once. */
export interface Tiling {
  /** The most pixels a side of what is worked on at once. */
  readonly side: number;
  /** Pixels that neighbours share at least. Less than half of a side. */
  readonly overlap: number;
}

/**
 * Of upscaling models, whose memory grows with every pixel: Swin2SR as it is published takes 16 KiB for each, and so 4 GiB
 * for a tile. Source: runner-and-models 7.10.
 */
const UPSCALED_TILES: Tiling = { side: 512, overlap: 64 };

/**
 * A picture `factor` times as wide and high as `size`, made tile by tile. A tile begins at a multiple of `step`. Where two
 * overlap one fades into the other, and what lies outermost of both is left out: there a model did not know how the picture
 * goes on. A picture that is one tile is what `make` makes of it, which is told of each tile its place and how many there are.
 */
export async function madeInTiles(
  { width, height }: Pick<Rgb8, "width" | "height">,
  factor: number,
  step: number,
  make: (tile: Rectangle, index: number, count: number) => Promise<Rgb8>,
  tiling: Tiling = UPSCALED_TILES,
): Promise<Rgb8> {
  const [across, down] = [spansOf(width, step, tiling), spansOf(height, step, tiling)];
  const count = across.length * down.length;
  if (count === 1) return make({ left: 0, top: 0, width, height }, 0, count);
  const whole = blank(width * factor, height * factor);
  const shares = sharesOf(tiling.overlap * factor);
  let index = 0;
  for (const { from: top, length: high } of down) {
    const band = blank(whole.width, high * factor);
    for (const { from: left, length: wide } of across)
      layBeside(await make({ left, top, width: wide, height: high }, index++, count), band, left * factor, shares);
    layBelow(band, whole, top * factor, shares);
  }
  return whole;
}

interface Span {
  readonly from: number;
  readonly length: number;
}

/** One axis in pieces; the last ends where the axis does. */
function spansOf(length: number, step: number, { side, overlap }: Tiling): readonly Span[] {
  if (length <= side) return [{ from: 0, length }];
  const stride = Math.floor((side - overlap) / step) * step;
  const last = Math.ceil((length - side) / step) * step;
  return Array.from({ length: Math.ceil(last / stride) + 1 }, (_, i) => {
    const from = Math.min(i * stride, last);
    return { from, length: Math.min(side, length - from) };
  });
}

/** How much of the later of two pieces is seen, over the pixels that they share: a quarter of them not at all. */
function sharesOf(overlap: number): Float64Array {
  return Float64Array.from({ length: overlap }, (_, i) => Math.min(1, Math.max(0, (2 * i + 1) / overlap - 0.5)));
}

function blank(width: number, height: number): Rgb8 {
  return { width, height, data: new Uint8Array(3 * width * height) };
}

/** A piece from column `left` of a band as high as it is, fading in over what is there. */
function layBeside(piece: Rgb8, band: Rgb8, left: number, shares: Float64Array): void {
  const shared = left === 0 ? 0 : shares.length;
  for (let y = 0; y < piece.height; y++) {
    const from = piece.data.subarray(3 * y * piece.width, 3 * (y + 1) * piece.width);
    const to = band.data.subarray(3 * (y * band.width + left));
    for (let x = 0; x < shared; x++) mix(to, from, 3 * x, 3 * (x + 1), shares[x] ?? 0);
    to.set(from.subarray(3 * shared), 3 * shared);
  }
}

/** A band from row `top` of a picture as wide as it is, fading in over what is there. */
function layBelow(band: Rgb8, picture: Rgb8, top: number, shares: Float64Array): void {
  const shared = top === 0 ? 0 : shares.length;
  const row = 3 * band.width;
  const to = picture.data.subarray(top * row);
  for (let y = 0; y < shared; y++) mix(to, band.data, y * row, (y + 1) * row, shares[y] ?? 0);
  to.set(band.data.subarray(shared * row), shared * row);
}

/** Between two positions, so much of `above` over what is there. */
function mix(below: Uint8Array, above: Uint8Array, from: number, to: number, share: number): void {
  for (let i = from; i < to; i++) {
    const under = below[i] ?? 0;
    below[i] = Math.round(under + ((above[i] ?? 0) - under) * share);
  }
}
