import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FFEncoderCodec } from "node-av/constants";
import { concat, little } from "./bytes.ts";

/** The optional library of codecs; `undefined` where it is not installed. */
export const av = await import("node-av").catch(() => undefined);

/** How the files that people send are made: container, codec. */
export const CODECS = {
  mp3: { container: "mp3", codec: "libmp3lame" },
  flac: { container: "flac", codec: "flac" },
  m4a: { container: "ipod", codec: "aac" },
  mp4: { container: "mp4", codec: "aac" },
  aac: { container: "adts", codec: "aac" },
  opus: { container: "ogg", codec: "libopus" },
  webm: { container: "webm", codec: "libopus" },
  /** As browsers record it. */
  fragments: { container: "mp4", codec: "aac", options: { movflags: "frag_keyframe+empty_moov" } },
  /** As telephones do. */
  mulaw: { container: "wav", codec: "pcm_mulaw" },
  adpcm: { container: "wav", codec: "adpcm_ms" },
} as const;

interface Coding {
  readonly container: string;
  readonly codec: string;
  readonly options?: Readonly<Record<string, string>>;
}

/** Encodes a WAV file. */
export async function encoded(kind: keyof typeof CODECS, wav: Uint8Array): Promise<Uint8Array> {
  if (av === undefined) throw new Error("there is no encoder");
  av.Log.setLevel(av.AV_LOG_QUIET);
  const { container, codec, options = {} }: Coding = CODECS[kind];
  const folder = mkdtempSync(join(tmpdir(), "encoded-audio-"));
  try {
    const target = join(folder, `file.${kind}`);
    const demuxer = await av.Demuxer.open(Buffer.from(wav), { format: "wav" });
    const stream = demuxer.audio();
    const found = av.Codec.findEncoderByName(codec as FFEncoderCodec);
    if (stream === undefined || found === null) throw new Error(`cannot encode ${kind}`);
    const decoder = await av.Decoder.create(stream);
    const encoder = await av.Encoder.create(found, { decoder, autoResample: true });
    const muxer = await av.Muxer.open(target, { format: container, options });
    const index = muxer.addStream(encoder);
    for await (const packet of encoder.packets(decoder.frames(demuxer.packets(stream.index))))
      await muxer.writePacket(packet, index);
    await muxer.close();
    encoder.close();
    decoder.close();
    await demuxer.close();
    return readFileSync(target);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export interface WavForm {
  readonly rate: number;
  readonly channels?: number;
  readonly bits?: 8 | 16 | 24 | 32 | 64;
  readonly isFloat?: boolean;
  /** Speakers, as a mask: written in the extended form. */
  readonly mask?: number;
}

/** A WAV file of the given samples, from −1 to 1, channel after channel. */
export function wavOf(samples: ArrayLike<number>, form: WavForm): Uint8Array {
  const { rate, channels = 1, bits = 16, isFloat = false, mask } = form;
  const width = bits / 8;
  const data = Buffer.alloc(samples.length * width);
  for (let i = 0; i < samples.length; i++) {
    const value = samples[i] ?? 0;
    if (isFloat) bits === 64 ? data.writeDoubleLE(value, i * 8) : data.writeFloatLE(value, i * 4);
    else if (bits === 8) data.writeUInt8(Math.round(value * 127) + 128, i);
    else data.writeIntLE(Math.round(value * (2 ** (bits - 1) - 1)), i * width, Math.min(width, 6));
  }
  const tag = isFloat ? 3 : 1;
  const extended = concat(little(2, 22), little(2, bits), little(4, mask ?? 0), little(2, tag), EXTENDED_TAIL);
  const format = concat(
    little(2, mask === undefined ? tag : 0xfffe),
    little(2, channels),
    little(4, rate),
    little(4, rate * channels * width),
    little(2, channels * width),
    little(2, bits),
    mask === undefined ? "" : extended,
  );
  const head = concat("WAVE", "fmt ", little(4, format.length), format, "data", little(4, data.length));
  return concat("RIFF", little(4, head.length + data.length), head, data);
}

const EXTENDED_TAIL = Uint8Array.from([0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]);

/** A tone, the same in each channel. */
export function tone(seconds: number, rate: number, { channels = 1, hertz = 440, loudness = 0.5 } = {}): Float32Array {
  return Float32Array.from(
    { length: Math.round(seconds * rate) * channels },
    (_, i) => loudness * Math.sin((2 * Math.PI * hertz * Math.floor(i / channels)) / rate),
  );
}
