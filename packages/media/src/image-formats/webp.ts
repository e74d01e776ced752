import type { ImageFormat } from "../format.ts";
import type { Header } from "../header.ts";

/** WebP: RIFF with one of three first chunks, each with its own way to write a size. */
export const webp: ImageFormat = {
  name: "webp",
  contentType: "image/webp",
  matches: (header) => header.is(0, "RIFF") && header.is(8, "WEBP"),
  size(header) {
    if (header.is(12, "VP8X")) return { width: header.u24(24, "little") + 1, height: header.u24(27, "little") + 1 };
    if (header.is(12, "VP8L")) return losslessSize(header);
    if (header.is(12, "VP8 ")) return lossySize(header);
    return header.fail("a WebP begins with VP8, VP8L or VP8X");
  },
};

/** Two 14-bit numbers, each one less than the side. */
function losslessSize(header: Header) {
  if (header.u8(20) !== 0x2f) header.fail("the VP8L signature is missing");
  const bits = header.u32(21, "little");
  return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
}

/** A key frame; the upper two bits of each side ask for scaling, which nobody does. */
function lossySize(header: Header) {
  if (!header.is(23, "\x9d\x01\x2a")) header.fail("the VP8 frame is no key frame");
  return { width: header.u16(26, "little") & 0x3fff, height: header.u16(28, "little") & 0x3fff };
}
