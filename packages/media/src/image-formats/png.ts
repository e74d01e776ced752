import type { ImageFormat } from "../format.ts";

/** PNG: the signature, then the IHDR chunk with the size. */
export const png: ImageFormat = {
  name: "png",
  contentType: "image/png",
  matches: (header) => header.is(0, "\x89PNG\r\n\x1a\n"),
  size: (header) =>
    header.is(12, "IHDR")
      ? { width: header.u32(16, "big"), height: header.u32(20, "big") }
      : header.fail("a PNG begins with IHDR"),
};
