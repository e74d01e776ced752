import type { AudioFormat } from "../format.ts";
import type { Header } from "../header.ts";

/**
 * FLAC: rate (20 bits) and number of samples (36 bits) stand in STREAMINFO, which comes first. Encoders that write to a pipe
 * leave the number at 0: then the frames are counted.
 */
export const flac: AudioFormat = {
  name: "flac",
  contentType: "audio/flac",
  matches: (header) => header.is(0, "fLaC"),
  durationSeconds(header) {
    const sampleRate = header.u24(18, "big") >> 4;
    const stated = (header.u8(21) & 0x0f) * 2 ** 32 + header.u32(22, "big");
    const samples = stated > 0 ? stated : samplesOfFrames(header);
    if (sampleRate === 0 || samples === 0) return header.fail("a FLAC does not say how long it is");
    return samples / sampleRate;
  },
};

/** Enough for any frame's header, and then some: beyond the end there is none. */
const MAX_HEADER = 16;

/** Adds up the frames. Each tells its place, so that what only looks like one is not taken for one. Source: RFC 9639. */
function samplesOfFrames(header: Header): number {
  let samples = 0;
  let frames = 0;
  for (let at = framesBegin(header) - 1; ; ) {
    at = header.next(0xff, at + 1);
    if (!header.has(at, MAX_HEADER)) return samples;
    if ((header.u8(at + 1) & 0xfe) !== 0xf8) continue;
    const frame = frameAt(header, at);
    if (frame === undefined || frame.place !== (frame.isFixed ? frames : samples)) continue;
    samples += frame.samples;
    frames += 1;
  }
}

/** Behind the metadata blocks, the last of which is marked. */
function framesBegin(header: Header): number {
  for (let at = 4; ; ) {
    const isLast = header.u8(at) >= 0x80;
    at += 4 + header.u24(at + 1, "big");
    if (isLast) return at;
  }
}

interface Frame {
  /** Whether `place` counts frames, all of one size, or samples. */
  readonly isFixed: boolean;
  readonly place: number;
  readonly samples: number;
}

function frameAt(header: Header, at: number): Frame | undefined {
  const isFixed = (header.u8(at + 1) & 1) === 0;
  const [sizeCode, rateCode] = [header.u8(at + 2) >> 4, header.u8(at + 2) & 0x0f];
  const ones = Math.clz32(~(header.u8(at + 4) << 24));
  const placeBytes = Math.max(1, ones);
  if (sizeCode === 0 || rateCode === 15 || ones === 1 || ones === 8) return undefined;
  const behind = at + 4 + placeBytes;
  const sizeBytes = sizeCode === 6 ? 1 : sizeCode === 7 ? 2 : 0;
  const rateBytes = rateCode === 12 ? 1 : rateCode === 13 || rateCode === 14 ? 2 : 0;
  const end = behind + sizeBytes + rateBytes;
  if (!header.has(at, end + 1 - at) || checksum(header, at, end) !== header.u8(end)) return undefined;
  return { isFixed, place: placeAt(header, at + 4, placeBytes), samples: samplesAt(header, behind, sizeCode) };
}

/** A number of up to 36 bits, written as UTF-8 writes characters. */
function placeAt(header: Header, at: number, bytes: number): number {
  let place = header.u8(at) & (bytes === 1 ? 0x7f : 0x7f >> bytes);
  for (let index = 1; index < bytes; index++) place = place * 64 + (header.u8(at + index) & 0x3f);
  return place;
}

/** By the code in the frame's header; two of them say that the number stands behind the place. */
function samplesAt(header: Header, at: number, code: number): number {
  if (code === 1) return 192;
  if (code <= 5) return 144 << code;
  if (code === 6) return header.u8(at) + 1;
  if (code === 7) return header.u16(at, "big") + 1;
  return 1 << code;
}

/** CRC-8 with the polynomial x⁸ + x² + x + 1. */
function checksum(header: Header, begin: number, end: number): number {
  let sum = 0;
  for (let at = begin; at < end; at++) {
    sum ^= header.u8(at);
    for (let bit = 0; bit < 8; bit++) sum = ((sum << 1) ^ (sum & 0x80 ? 0x07 : 0)) & 0xff;
  }
  return sum;
}
