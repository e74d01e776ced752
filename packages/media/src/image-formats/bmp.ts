import type { ImageFormat } from "../format.ts";

/** The header of OS/2 1.x bitmaps, which has 16-bit sizes. */
export const CORE_HEADER = 12;

/** Lengths of the second header in use, by which a BMP is told from a text that begins with BM. */
const HEADERS: ReadonlySet<number> = new Set([CORE_HEADER, 40, 52, 56, 64, 108, 124]);

/** BMP: the size stands in the second header. A negative height says that rows run from the top. */
export const bmp: ImageFormat = {
  name: "bmp",
  contentType: "image/bmp",
  matches: (header) => header.is(0, "BM") && header.has(0, 26) && HEADERS.has(header.u32(14, "little")),
  size: (header) =>
    header.u32(14, "little") === CORE_HEADER
      ? { width: header.u16(18, "little"), height: header.u16(20, "little") }
      : { width: header.i32(18, "little"), height: Math.abs(header.i32(22, "little")) },
};
