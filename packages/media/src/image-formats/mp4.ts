import type { ImageFormat } from "../format.ts";
import type { Header } from "../header.ts";
import { type Box, boxesOf, findBox } from "../mp4-boxes.ts";

/** Still pictures in the same boxes, which are another format. */
const STILL: ReadonlySet<string> = new Set(["heic", "heix", "mif1", "msf1", "avif", "avis"]);

/** Where a sample entry has its width, counted from its beginning: behind 8 bytes of box and 24 that say nothing here. */
const WIDTH = 32;

/** MP4 and QuickTime, of which the first frame is the picture: as large as the samples of the first video track. */
export const mp4: ImageFormat = {
  name: "mp4",
  contentType: "video/mp4",
  matches: (header) =>
    header.is(4, "moov") || (header.is(4, "ftyp") && header.has(8, 4) && !STILL.has(header.text(8, 4))),
  size(header) {
    const movie = findBox(header, { begin: 0, end: header.length }, "moov");
    if (movie === undefined) return header.fail("an MP4 has no movie header");
    for (const track of boxesOf(header, "trak", movie)) {
      const media = findBox(header, track, "mdia");
      const handler = media && findBox(header, media, "hdlr");
      if (media === undefined || handler === undefined || !header.is(handler.begin + 8, "vide")) continue;
      return entrySize(header, media);
    }
    return header.fail("an MP4 has no pictures in it");
  },
};

function entrySize(header: Header, media: Box) {
  const entries = findBox(header, media, "minf", "stbl", "stsd");
  if (entries === undefined) return header.fail("an MP4 does not say how large its pictures are");
  const entry = entries.begin + 8; // behind version, flags and count
  return { width: header.u16(entry + WIDTH, "big"), height: header.u16(entry + WIDTH + 2, "big") };
}
