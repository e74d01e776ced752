import type { ImageFormat } from "../format.ts";

const WIDTH_TAG = 256;
const HEIGHT_TAG = 257;
const SHORT = 3;
const LONG = 4;

/** TIFF: width and height are tags of the first directory, in the byte order the file chose. */
export const tiff: ImageFormat = {
  name: "tiff",
  contentType: "image/tiff",
  matches: (header) => header.is(0, "II*\0") || header.is(0, "MM\0*"),
  size(header) {
    const order = header.is(0, "II") ? "little" : "big";
    const directory = header.u32(4, order);
    const entries = header.u16(directory, order);
    const side = (wanted: number) => {
      for (let index = 0; index < entries; index++) {
        const entry = directory + 2 + index * 12;
        if (header.u16(entry, order) !== wanted) continue;
        const type = header.u16(entry + 2, order);
        if (type === SHORT) return header.u16(entry + 8, order);
        if (type === LONG) return header.u32(entry + 8, order);
      }
      return header.fail("a TIFF has no size");
    };
    return { width: side(WIDTH_TAG), height: side(HEIGHT_TAG) };
  },
};
