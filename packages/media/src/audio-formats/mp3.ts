import type { AudioFormat } from "../format.ts";
import type { Header } from "../header.ts";
import { behindTags, type Frame, secondsOfFrames } from "./frames.ts";

/** In kbit/s, by the four bits of the header; index 0 is "free" and not supported. */
const BITRATES = {
  version1: {
    1: [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    2: [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    3: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  },
  version2: {
    1: [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    2: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    3: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
  },
} as const;

/** In Hz, by the two bits of the header, for MPEG 1; MPEG 2 has half and 2.5 a quarter of it. */
const SAMPLE_RATES = [44_100, 48_000, 32_000] as const;
const RATE_DIVISORS: Readonly<Record<number, number>> = { 3: 1, 2: 2, 0: 4 };
const LAYERS: Readonly<Record<number, 1 | 2 | 3>> = { 3: 1, 2: 2, 1: 3 };

/** MPEG audio, layers I to III. */
export const mp3: AudioFormat = {
  name: "mp3",
  contentType: "audio/mpeg",
  matches: (header) => header.is(0, "ID3") || frameAt(header, 0) !== undefined,
  durationSeconds(header) {
    const begin = behindTags(header);
    return secondsOfFrames(header, behindIndex(header, begin), frameAt);
  },
};

function frameAt(header: Header, at: number): Frame | undefined {
  if (!header.has(at, 4) || header.u8(at) !== 0xff || (header.u8(at + 1) & 0xe0) !== 0xe0) return undefined;
  const [second, third] = [header.u8(at + 1), header.u8(at + 2)];
  const divisor = RATE_DIVISORS[(second >> 3) & 3];
  const layer = LAYERS[(second >> 1) & 3];
  const baseRate = SAMPLE_RATES[(third >> 2) & 3];
  if (divisor === undefined || layer === undefined || baseRate === undefined) return undefined;
  const bitrate = BITRATES[divisor === 1 ? "version1" : "version2"][layer][third >> 4];
  if (bitrate === undefined || bitrate === 0) return undefined;
  const sampleRate = baseRate / divisor;
  const padding = (third >> 1) & 1;
  const samples = layer === 1 ? 384 : layer === 3 && divisor !== 1 ? 576 : 1152;
  const slot = layer === 1 ? 4 : 1;
  const length = (Math.floor((samples * bitrate * 1000) / 8 / slot / sampleRate) + padding) * slot;
  return { length, seconds: samples / sampleRate, kind: (second & 0xfe) | ((third & 0x0c) << 8) };
}

/** Encoders put an index into a first frame that holds no sound. */
function behindIndex(header: Header, begin: number): number {
  const frame = frameAt(header, begin);
  if (frame === undefined) return begin;
  const hasIndex = [13, 21, 36].some((at) => header.is(begin + at, "Xing") || header.is(begin + at, "Info"));
  return hasIndex || header.is(begin + 36, "VBRI") ? begin + frame.length : begin;
}
