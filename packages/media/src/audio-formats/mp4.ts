import type { AudioFormat } from "../format.ts";
import type { Header } from "../header.ts";
import { type Box, behindTimes, findBox } from "../mp4-boxes.ts";
import { secondsOfFragments } from "../mp4-fragments.ts";

/** MP4, M4A and QuickTime: the movie header says how long the whole is, or how long all fragments are together; or each does. */
export const mp4: AudioFormat = {
  name: "mp4",
  contentType: "video/mp4",
  matches: (header) => header.is(4, "ftyp") || header.is(4, "moov"),
  durationSeconds(header) {
    const movie = findBox(header, { begin: 0, end: header.length }, "moov");
    const movieHeader = movie && findBox(header, movie, "mvhd");
    if (movie === undefined || movieHeader === undefined) return header.fail("an MP4 has no movie header");
    const wide = header.u8(movieHeader.begin) === 1;
    const at = behindTimes(header, movieHeader);
    const scale = header.u32(at, "big");
    const whole = durationAt(header, at + 4, wide);
    const stated = whole > 0 ? whole : fragmentsDuration(header, movie);
    const seconds = stated > 0 ? stated / scale : secondsOfFragments(header, movie);
    if (!Number.isFinite(seconds) || seconds === 0) return header.fail("an MP4 does not say how long it is");
    return seconds;
  },
};

function fragmentsDuration(header: Header, movie: Box): number {
  const box = findBox(header, movie, "mvex", "mehd");
  if (box === undefined) return 0;
  return durationAt(header, box.begin + 4, header.u8(box.begin) === 1);
}

/** 32 or 64 bits; all ones mean unknown. */
function durationAt(header: Header, at: number, wide: boolean): number {
  const duration = wide ? header.u64(at, "big") : header.u32(at, "big");
  return duration === (wide ? 2 ** 64 : 0xffffffff) ? 0 : duration;
}
