import type { ImageFormat } from "../format.ts";

/** Start-of-frame markers: C0 to CF without the three in that range that mean something else. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

/** Markers without a length: TEM, restarts, start of image. */
function isBare(marker: number): boolean {
  return marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
}

const END_OF_IMAGE = 0xd9;
const START_OF_SCAN = 0xda;

/** JPEG: segments up to the frame header, which states the size. */
export const jpeg: ImageFormat = {
  name: "jpeg",
  contentType: "image/jpeg",
  matches: (header) => header.is(0, "\xff\xd8\xff"),
  size(header) {
    let at = 2;
    for (;;) {
      if (header.u8(at) !== 0xff) header.fail("a JPEG marker is missing");
      const marker = header.u8(at + 1);
      if (marker === 0xff) at += 1;
      else if (isBare(marker)) at += 2;
      else if (isFrame(marker)) return { width: header.u16(at + 7, "big"), height: header.u16(at + 5, "big") };
      else if (marker === START_OF_SCAN || marker === END_OF_IMAGE) header.fail("a JPEG has no frame header");
      else at += 2 + header.u16(at + 2, "big");
    }
  },
};
