import sharp from "sharp";
import { big, concat, little, zeros } from "./bytes.ts";

/** A noisy picture, so that a cut file misses something. */
export function pixels(width: number, height: number): Uint8Array {
  return Uint8Array.from({ length: width * height * 3 }, (_, index) => (index * 2_654_435_761) >>> 21);
}

function picture(width: number, height: number) {
  return sharp(pixels(width, height), { raw: { width, height, channels: 3 } });
}

/** The same picture in every format the encoder has. */
export const encoders: Readonly<Record<string, (width: number, height: number) => Promise<Uint8Array>>> = {
  png: (width, height) => picture(width, height).png().toBuffer(),
  "png, interlaced": (width, height) => picture(width, height).png({ progressive: true }).toBuffer(),
  jpeg: (width, height) => picture(width, height).jpeg().toBuffer(),
  "jpeg, progressive": (width, height) => picture(width, height).jpeg({ progressive: true }).toBuffer(),
  "jpeg, to be rotated": (width, height) => picture(width, height).withMetadata({ orientation: 6 }).jpeg().toBuffer(),
  "webp, lossy": (width, height) => picture(width, height).webp().toBuffer(),
  "webp, lossless": (width, height) => picture(width, height).webp({ lossless: true }).toBuffer(),
  "webp, extended": (width, height) => picture(width, height).withMetadata({ orientation: 6 }).webp().toBuffer(),
  gif: (width, height) => picture(width, height).gif().toBuffer(),
  tiff: (width, height) => picture(width, height).tiff({ bigtiff: false }).toBuffer(),
};

export function bmp(width: number, height: number): Uint8Array {
  return concat("BM", zeros(12), little(4, 40), little(4, BigInt(width)), little(4, BigInt(height)), zeros(28));
}

export function oldBmp(width: number, height: number): Uint8Array {
  return concat("BM", zeros(12), little(4, 12), little(2, width), little(2, height), zeros(4));
}

/** A big-endian TIFF with nothing but its size. */
export function motorolaTiff(width: number, height: number): Uint8Array {
  const entry = (tag: number, value: number) => concat(big(2, tag), big(2, 3), big(4, 1), big(2, value), zeros(2));
  return concat("MM\0*", big(4, 8), big(2, 2), entry(256, width), entry(257, height), zeros(4));
}

export function pngHeader(width: number, height: number): Uint8Array {
  return concat("\x89PNG\r\n\x1a\n", big(4, 13), "IHDR", big(4, width), big(4, height), "\x08\x02\0\0\0", zeros(4));
}
