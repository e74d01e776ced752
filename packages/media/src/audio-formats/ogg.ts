import type { AudioFormat } from "../format.ts";
import type { Header } from "../header.ts";

const PAGE_HEADER = 27;
/** Opus counts in 48 kHz whatever it holds. */
const OPUS_RATE = 48_000;
/** A page on which no packet ends has this position. */
const NO_POSITION = -1;

/** Ogg with Opus or Vorbis: the position of the last page is the number of samples. */
export const ogg: AudioFormat = {
  name: "ogg",
  contentType: "audio/ogg",
  matches: (header) => header.is(0, "OggS"),
  durationSeconds(header) {
    let stream: Stream | undefined;
    let last = 0;
    for (let at = 0; header.is(at, "OggS") && header.has(at, PAGE_HEADER); ) {
      const segments = header.u8(at + 26);
      if (!header.has(at + PAGE_HEADER, segments)) break;
      const body = at + PAGE_HEADER + segments;
      const serial = header.u32(at + 14, "little");
      stream ??= streamAt(header, body, serial);
      const position = header.i64(at + 6, "little");
      if (serial === stream?.serial && position !== NO_POSITION) last = position;
      at = body;
      for (let index = 0; index < segments; index++) at += header.u8(body - segments + index);
    }
    if (stream === undefined) return header.fail("an Ogg holds neither Opus nor Vorbis");
    return Math.max(0, last - stream.skipped) / stream.sampleRate;
  },
};

interface Stream {
  readonly serial: number;
  readonly sampleRate: number;
  /** Samples at the beginning that are not played. */
  readonly skipped: number;
}

function streamAt(header: Header, body: number, serial: number): Stream | undefined {
  if (header.is(body, "OpusHead")) return { serial, sampleRate: OPUS_RATE, skipped: header.u16(body + 10, "little") };
  if (header.is(body, "\x01vorbis")) {
    const sampleRate = header.u32(body + 12, "little");
    return sampleRate === 0 ? header.fail("a Vorbis stream has no sample rate") : { serial, sampleRate, skipped: 0 };
  }
  return undefined;
}
