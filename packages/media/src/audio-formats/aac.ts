import type { AudioFormat } from "../format.ts";
import type { Header } from "../header.ts";
import { type Frame, secondsOfFrames } from "./frames.ts";

const SAMPLE_RATES = [
  96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
] as const;
const SAMPLES_PER_BLOCK = 1024;
const SHORTEST_HEADER = 7;

/** AAC in ADTS frames. */
export const aac: AudioFormat = {
  name: "aac",
  contentType: "audio/aac",
  matches: (header) => frameAt(header, 0) !== undefined,
  durationSeconds: (header) => secondsOfFrames(header, 0, frameAt),
};

function frameAt(header: Header, at: number): Frame | undefined {
  if (!header.has(at, SHORTEST_HEADER) || header.u8(at) !== 0xff || (header.u8(at + 1) & 0xf6) !== 0xf0)
    return undefined;
  const third = header.u8(at + 2);
  const sampleRate = SAMPLE_RATES[(third >> 2) & 0xf];
  const length = ((header.u8(at + 3) & 3) << 11) | (header.u8(at + 4) << 3) | (header.u8(at + 5) >> 5);
  if (sampleRate === undefined || length < SHORTEST_HEADER) return undefined;
  const blocks = (header.u8(at + 6) & 3) + 1;
  return { length, seconds: (blocks * SAMPLES_PER_BLOCK) / sampleRate, kind: third & 0xfd };
}
