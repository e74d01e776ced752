import type { ImageFormat } from "../format.ts";

/** GIF: the size of the logical screen. */
export const gif: ImageFormat = {
  name: "gif",
  contentType: "image/gif",
  matches: (header) => header.is(0, "GIF87a") || header.is(0, "GIF89a"),
  size: (header) => ({ width: header.u16(6, "little"), height: header.u16(8, "little") }),
};
