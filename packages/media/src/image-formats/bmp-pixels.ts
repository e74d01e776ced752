import { RivuletError } from "@rivulet/primitives";
import { Header } from "../header.ts";
import type { Rgb8 } from "../image.ts";
import { bmp, CORE_HEADER } from "./bmp.ts";

/** How numbers stand for colours: by themselves, or in bits that masks point out. */
const PLAIN = 0;
const MASKED: ReadonlySet<number> = new Set([3, 6]);

/** The usual masks of red, green and blue. */
const MASKS: Readonly<Record<number, readonly number[]>> = {
  16: [0x7c00, 0x03e0, 0x001f],
  32: [0xff0000, 0x00ff00, 0x0000ff],
};

/** Where the second header begins, and where the masks stand when there are any. */
const HEADER = 14;
const AFTER_INFO = HEADER + 40;

/**
 * The pixels of a bitmap of any depth, without its alpha; one that was cut is black where it ends. `probeImage` has seen it.
 *
 * Throws "request.media-unsupported" for the compressed kinds, "request.media-undecodable" for what cannot be.
 */
export function bmpPixels(bytes: Uint8Array, field: string): Rgb8 {
  const header = new Header(bytes, field);
  const { width, height } = bmp.size(header);
  const { bits, colourAt, isFromTop } = formOf(header, bytes, field);
  const stride = Math.ceil((bits * width) / 32) * 4;
  const first = header.u32(10, "little");
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const row = first + stride * (isFromTop ? y : height - 1 - y);
    // A header alone may promise millions of rows: those that are not there cost nothing.
    if (row >= bytes.length) continue;
    for (let x = 0, to = 3 * width * y; x < width; x++, to += 3) {
      const colour = colourAt(row, x);
      data[to] = colour >>> 16;
      data[to + 1] = colour >>> 8;
      data[to + 2] = colour;
    }
  }
  return { width, height, data };
}

interface Form {
  readonly bits: number;
  readonly isFromTop: boolean;
  /** Red, green and blue in one number, of the pixel at `x` in the row that begins at `row`. */
  readonly colourAt: (row: number, x: number) => number;
}

function formOf(header: Header, bytes: Uint8Array, field: string): Form {
  const length = header.u32(HEADER, "little");
  const isOld = length === CORE_HEADER;
  const bits = header.u16(isOld ? 24 : 28, "little");
  const compression = isOld ? PLAIN : header.u32(30, "little");
  // Of two colours the same number stands for codes of fax machines.
  const isMasked = MASKED.has(compression) && bits in MASKS;
  if (compression !== PLAIN && !isMasked)
    throw new RivuletError("request.media-unsupported", { field, reason: "compressed bitmaps are not decoded here" });
  const isFromTop = !isOld && header.i32(22, "little") < 0;
  const byte = (at: number) => bytes[at] ?? 0;
  if (bits === 24)
    return {
      bits,
      isFromTop,
      colourAt: (row, x) => (byte(row + 3 * x + 2) << 16) | (byte(row + 3 * x + 1) << 8) | byte(row + 3 * x),
    };
  if (bits === 16 || bits === 32) {
    const masks = isMasked ? [0, 4, 8].map((offset) => header.u32(AFTER_INFO + offset, "little")) : (MASKS[bits] ?? []);
    const shares = masks.map(shareOf);
    const size = bits / 8;
    return {
      bits,
      isFromTop,
      colourAt(row, x) {
        let value = 0;
        for (let i = size - 1; i >= 0; i--) value = (value << 8) | byte(row + size * x + i);
        return shares.reduce((colour, share) => (colour << 8) | share(value), 0);
      },
    };
  }
  if (![1, 2, 4, 8].includes(bits)) return header.fail(`a bitmap of ${bits} bits a pixel`);
  const [entry, table] = [isOld ? 3 : 4, HEADER + length];
  const palette = Uint32Array.from({ length: 2 ** bits }, (_, index) => {
    const at = table + index * entry;
    return (byte(at + 2) << 16) | (byte(at + 1) << 8) | byte(at);
  });
  return {
    bits,
    isFromTop,
    colourAt(row, x) {
      const bit = x * bits;
      return palette[(byte(row + (bit >> 3)) >> (8 - bits - (bit & 7))) & (2 ** bits - 1)] ?? 0;
    },
  };
}

/** The part of a number that a mask points out, as a byte. */
function shareOf(mask: number): (value: number) => number {
  if (mask === 0) return () => 0;
  const shift = 31 - Math.clz32(mask & -mask);
  const most = mask >>> shift;
  return (value) => Math.round((((value & mask) >>> shift) / most) * 255);
}
