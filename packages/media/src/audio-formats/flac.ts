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
  const { bytes } = header;
  let samples = 0;
  let frames = 0;
  for (let at = framesBegin(header); at + MAX_HEADER <= bytes.length; at++) {
    if (bytes[at] !== 0xff || ((bytes[at + 1] ?? 0) & 0xfe) !== 0xf8) continue;
    const frame = frameAt(bytes, at);
    if (frame === undefined || frame.place !== (frame.isFixed ? frames : samples)) continue;
    samples += frame.samples;
    frames += 1;
  }
  return samples;
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

/** What stands at a place where `MAX_HEADER` bytes follow. Files can be made of what nearly is a frame: it is told fast. */
function frameAt(bytes: Uint8Array, at: number): Frame | undefined {
  const byteAt = (offset: number) => bytes[at + offset] ?? 0;
  const isFixed = (byteAt(1) & 1) === 0;
  const sizeCode = byteAt(2) >> 4;
  const rateCode = byteAt(2) & 0x0f;
  const ones = Math.clz32(~(byteAt(4) << 24));
  const placeBytes = Math.max(1, ones);
  if (sizeCode === 0 || rateCode === 15 || ones === 1 || ones === 8) return undefined;
  const behind = 4 + placeBytes;
  const sizeBytes = sizeCode === 6 ? 1 : sizeCode === 7 ? 2 : 0;
  const rateBytes = rateCode === 12 ? 1 : rateCode === 13 || rateCode === 14 ? 2 : 0;
  const end = behind + sizeBytes + rateBytes;
  if (checksum(bytes, at, at + end) !== byteAt(end)) return undefined;
  const stated = sizeBytes === 2 ? byteAt(behind) * 256 + byteAt(behind + 1) : byteAt(behind);
  return { isFixed, place: placeAt(bytes, at + 4, placeBytes), samples: samplesOf(sizeCode, stated) };
}

/** A number of up to 36 bits, written as UTF-8 writes characters. */
function placeAt(bytes: Uint8Array, at: number, length: number): number {
  let place = (bytes[at] ?? 0) & (length === 1 ? 0x7f : 0x7f >> length);
  for (let index = 1; index < length; index++) place = place * 64 + ((bytes[at + index] ?? 0) & 0x3f);
  return place;
}

/** By the code in the frame's header; two of them say that the number, less one, stands behind the place. */
function samplesOf(code: number, stated: number): number {
  if (code === 1) return 192;
  if (code <= 5) return 144 << code;
  return code <= 7 ? stated + 1 : 1 << code;
}

/** CRC-8 with the polynomial x⁸ + x² + x + 1. */
function checksum(bytes: Uint8Array, begin: number, end: number): number {
  let sum = 0;
  for (let at = begin; at < end; at++) sum = CHECKSUMS[sum ^ (bytes[at] ?? 0)] ?? 0;
  return sum;
}

/** Of single bytes. */
const CHECKSUMS = Uint8Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = (sum << 1) ^ (sum & 0x80 ? 0x107 : 0);
  return sum;
});
