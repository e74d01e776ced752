import type { AudioFormat } from "../format.ts";
import type { Header } from "../header.ts";

/** MP4, M4A and QuickTime: the movie header says how long the whole is, or how long all fragments are together. */
export const mp4: AudioFormat = {
  name: "mp4",
  contentType: "video/mp4",
  matches: (header) => header.is(4, "ftyp") || header.is(4, "moov"),
  durationSeconds(header) {
    const movie = find(header, "moov", { begin: 0, end: header.length });
    const movieHeader = movie && find(header, "mvhd", movie);
    if (movie === undefined || movieHeader === undefined) return header.fail("an MP4 has no movie header");
    const wide = header.u8(movieHeader.begin) === 1;
    const scale = header.u32(movieHeader.begin + (wide ? 20 : 12), "big");
    const whole = durationAt(header, movieHeader.begin + (wide ? 24 : 16), wide);
    const duration = whole > 0 ? whole : fragmentsDuration(header, movie);
    if (scale === 0 || duration === 0) return header.fail("an MP4 does not say how long it is");
    return duration / scale;
  },
};

interface Box {
  readonly begin: number;
  readonly end: number;
}

function fragmentsDuration(header: Header, movie: Box): number {
  const fragments = find(header, "mvex", movie);
  const box = fragments && find(header, "mehd", fragments);
  if (box === undefined) return 0;
  return durationAt(header, box.begin + 4, header.u8(box.begin) === 1);
}

/** 32 or 64 bits; all ones mean unknown. */
function durationAt(header: Header, at: number, wide: boolean): number {
  const duration = wide ? header.u64(at, "big") : header.u32(at, "big");
  return duration === (wide ? 2 ** 64 : 0xffffffff) ? 0 : duration;
}

/** The contents of the first box of a type. Every box is at least 8 bytes long, so this ends. */
function find(header: Header, type: string, within: Box): Box | undefined {
  for (let at = within.begin; at + 8 <= within.end; ) {
    const size = header.u32(at, "big");
    const isWide = size === 1;
    const length = isWide ? header.u64(at + 8, "big") : size === 0 ? within.end - at : size;
    const begin = at + (isWide ? 16 : 8);
    if (at + length < begin) header.fail("an MP4 box is smaller than its header");
    const end = Math.min(at + length, within.end);
    if (header.is(at + 4, type)) return { begin, end };
    at = end;
  }
  return undefined;
}
