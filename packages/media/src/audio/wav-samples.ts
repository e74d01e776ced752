import { Header } from "../header.ts";
import { mixingOf } from "./mixing.ts";

/** Samples of one channel, from −1 to 1, at a rate of their own. */
export interface MonoSamples {
  readonly rate: number;
  /** In pieces of about a second, so that a file of hours is never in memory twice. */
  readonly blocks: Iterable<Float32Array>;
}

const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;

/** Rates that exist, with room: beyond them is only damage. */
const RATES = { least: 1000, most: 768_000 } as const;
const MAX_CHANNELS = 64;

/** How one sample is read, by its kind and bits. Whole numbers have their greatest magnitude at −1. */
const readers: Readonly<Record<string, (view: DataView, at: number) => number>> = {
  [`${PCM} 8`]: (view, at) => (view.getUint8(at) - 128) / 128,
  [`${PCM} 16`]: (view, at) => view.getInt16(at, true) / 2 ** 15,
  [`${PCM} 24`]: (view, at) => ((view.getInt8(at + 2) << 16) | view.getUint16(at, true)) / 2 ** 23,
  [`${PCM} 32`]: (view, at) => view.getInt32(at, true) / 2 ** 31,
  [`${FLOAT} 32`]: (view, at) => view.getFloat32(at, true),
  [`${FLOAT} 64`]: (view, at) => view.getFloat64(at, true),
};

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
      const read = readers[`${kind} ${bits}`];
      if (read === undefined) return undefined;
      if (rate < RATES.least || rate > RATES.most || channels < 1 || channels > MAX_CHANNELS)
        return header.fail(`audio of ${channels} channels at ${rate} Hz`);
      const data = bytes.subarray(body, Math.min(body + size, bytes.length));
      return { rate, blocks: mixed(data, { read, width: bits / 8, rate, weights: mixingOf(channels, mask) }) };
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
    readonly read: (view: DataView, at: number) => number;
    readonly width: number;
    readonly rate: number;
    readonly weights: readonly number[];
  },
): Generator<Float32Array, void, undefined> {
  const { read, width, rate, weights } = form;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const frame = width * weights.length;
  const frames = Math.floor(data.length / frame);
  for (let first = 0; first < frames; first += rate) {
    const block = new Float32Array(Math.min(rate, frames - first));
    for (let i = 0; i < block.length; i++) {
      const at = (first + i) * frame;
      let sum = 0;
      for (let channel = 0; channel < weights.length; channel++)
        sum += (weights[channel] ?? 0) * read(view, at + channel * width);
      // Floats may be louder than anything can be played; what is no number stays so, to be found out.
      block[i] = Math.min(1, Math.max(-1, sum));
    }
    yield block;
  }
}
