import { dataLength } from "../audio-formats/wav.ts";
import { Header } from "../header.ts";
import { mixingOf } from "./mixing.ts";

/** Samples of one channel, from −1 to 1, at a rate of their own. */
export interface MonoSamples {
  readonly rate: number;
  /** In pieces of about a second at most, so that a file of hours is never in memory twice. */
  readonly blocks: Iterable<Float32Array>;
}

const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;

/** Rates that exist, with room: beyond them is only damage. */
const RATES = { least: 1000, most: 768_000 } as const;
const MAX_CHANNELS = 64;

/** A second of eight channels at 96 kHz takes three million bytes; what takes more is read in shorter pieces. */
const MAX_PIECE_BYTES = 4_000_000;

/** How samples are written, by their kind and bits. */
interface Coding {
  /** The magnitude that stands for −1. */
  readonly full: number;
  readonly numbers: (bytes: Uint8Array) => ArrayLike<number>;
}

/** Bytes are numbers in a typed array's own order: little-endian, as on every machine that this runs on. */
const codings: Readonly<Record<string, Coding>> = {
  [`${PCM} 8`]: { full: 2 ** 7, numbers: (bytes) => new Int8Array(bytes.map((byte) => byte ^ 0x80)) },
  [`${PCM} 16`]: { full: 2 ** 15, numbers: (bytes) => new Int16Array(aligned(bytes)) },
  [`${PCM} 24`]: { full: 2 ** 31, numbers: (bytes) => new Int32Array(widened(bytes)) },
  [`${PCM} 32`]: { full: 2 ** 31, numbers: (bytes) => new Int32Array(aligned(bytes)) },
  [`${FLOAT} 32`]: { full: 1, numbers: (bytes) => new Float32Array(aligned(bytes)) },
  [`${FLOAT} 64`]: { full: 1, numbers: (bytes) => new Float64Array(aligned(bytes)) },
};

/** A copy, at the beginning of a buffer of its own. */
function aligned(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

/** Sound of one channel in 16 bits. */
export function samplesOf16Bits(bytes: Uint8Array): Float32Array {
  return mix(new Int16Array(aligned(bytes)), [2 ** -15]);
}

/** Three bytes each as the upper ones of four. */
function widened(bytes: Uint8Array): ArrayBuffer {
  const wide = new Uint8Array((bytes.length / 3) * 4);
  for (let from = 0, to = 0; from < bytes.length; from += 3, to += 4) {
    wide[to + 1] = bytes[from] ?? 0;
    wide[to + 2] = bytes[from + 1] ?? 0;
    wide[to + 3] = bytes[from + 2] ?? 0;
  }
  return wide.buffer;
}

/**
 * The samples of a WAV file, all channels mixed into one; `undefined` when they are compressed. A file that was cut is read
 * as far as it goes. Throws "request.media-undecodable", naming `field`.
 */
export function findWavSamples(bytes: Uint8Array, field: string): MonoSamples | undefined {
  const header = new Header(bytes, field);
  let form: WavForm | undefined;
  for (let at = 12; ; ) {
    const [name, size, body] = [header.text(at, 4), header.u32(at + 4, "little"), at + 8];
    if (name === "fmt ") form = formAt(header, body, size);
    if (name === "data") {
      if (form === undefined) return header.fail("a WAV has no usable fmt chunk");
      const { kind, bits, rate, channels, mask } = form;
      const coding = codings[`${kind} ${bits}`];
      if (coding === undefined) return undefined;
      if (rate < RATES.least || rate > RATES.most || channels < 1 || channels > MAX_CHANNELS)
        return header.fail(`audio of ${channels} channels at ${rate} Hz`);
      const data = bytes.subarray(body, body + dataLength(header, body));
      return { rate, blocks: mixed(data, { coding, width: bits / 8, rate, shares: mixingOf(channels, mask) }) };
    }
    at = body + size + (size % 2);
  }
}

interface WavForm {
  readonly kind: number;
  readonly bits: number;
  readonly rate: number;
  readonly channels: number;
  /** Which speakers the channels are for; 0 when the file does not say. */
  readonly mask: number;
}

function formAt(header: Header, at: number, size: number): WavForm {
  const kind = header.u16(at, "little");
  const isExtended = kind === EXTENSIBLE && size >= 40;
  return {
    kind: isExtended ? header.u16(at + 24, "little") : kind,
    channels: header.u16(at + 2, "little"),
    rate: header.u32(at + 4, "little"),
    bits: header.u16(at + 14, "little"),
    mask: isExtended ? header.u32(at + 20, "little") : 0,
  };
}

function* mixed(
  data: Uint8Array,
  form: {
    readonly coding: Coding;
    readonly width: number;
    readonly rate: number;
    /** Of each channel. */
    readonly shares: readonly number[];
  },
): Generator<Float32Array, void, undefined> {
  const { coding, width, rate, shares } = form;
  const weights = shares.map((share) => share / coding.full);
  const frame = width * weights.length;
  const frames = Math.floor(data.length / frame);
  const piece = Math.min(rate, Math.ceil(MAX_PIECE_BYTES / frame));
  for (let first = 0; first < frames; first += piece) {
    const last = Math.min(first + piece, frames);
    yield mix(coding.numbers(data.subarray(first * frame, last * frame)), weights);
  }
}

/** One number of each frame's. Floats may be louder than anything can be played; what is no number stays so, to be found out. */
function mix(numbers: ArrayLike<number>, weights: readonly number[]): Float32Array {
  const block = new Float32Array(numbers.length / weights.length);
  for (let i = 0, at = 0; i < block.length; i++) {
    let sum = 0;
    for (let channel = 0; channel < weights.length; channel++, at++)
      sum += (weights[channel] ?? 0) * (numbers[at] ?? 0);
    block[i] = sum < -1 ? -1 : sum > 1 ? 1 : sum;
  }
  return block;
}
