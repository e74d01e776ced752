import { RivuletError } from "@rivulet/primitives";
import { type DecoderProcess, decodeWithLibrary, decodeWithProgram, SAMPLE_RATE } from "./audio/decoder-process.ts";
import { Resampler } from "./audio/resampler.ts";
import { findWavSamples, type MonoSamples, samplesOf16Bits } from "./audio/wav-samples.ts";
import { CodecFailed, CodecMissing } from "./codec-process.ts";
import { probeAudio } from "./probe.ts";

/** Samples a second of what `decodeAudio` makes. */
export const DECODED_AUDIO_RATE = SAMPLE_RATE;

export interface AudioDecodeOptions {
  readonly signal: AbortSignal;
  /** The request field the audio came in, for errors. */
  readonly field?: string;
  /** What decodes all but plain WAV files; the first that is installed is used. */
  readonly decoders?: readonly DecoderProcess[];
}

/** The library where it is installed, because it needs no temporary files; the program else. */
const DECODERS: readonly DecoderProcess[] = [decodeWithLibrary, decodeWithProgram()];

/** What the FFmpeg libraries call the formats that probing knows. */
const DEMUXERS: Readonly<Record<string, string>> = {
  wav: "wav",
  flac: "flac",
  ogg: "ogg",
  mp4: "mov",
  matroska: "matroska",
  aac: "aac",
  mp3: "mp3",
};

/**
 * How much longer a file may be than its headers say, which is what is billed: a factor, and seconds. Codecs pad, recorders
 * write the length of the last block but one; hours of sound in a file that says one second is something else.
 */
const TOLERANCE = { factor: 1.1, seconds: 10 } as const;
/** The least share of the stated length that must be there in formats that hold nothing but sound. */
const LEAST_SHARE = 0.9;
/** Video files are as long as their longest stream, which need not be the sound. */
const VIDEO_FORMATS: readonly string[] = ["mp4", "matroska"];

/**
 * The sound of an audio file, or of a video: its first audio stream as one channel of samples from −1 to 1 at
 * `DECODED_AUDIO_RATE`, piece by piece, so that hours of it never lie in memory. Ending the iteration early ends the work.
 *
 * Plain WAV files are read here; others in a process of their own, so that no file can crash or hold this one. Any bytes are
 * fine. Throws "request.media-unsupported" for a format that is unknown or that nothing here decodes, with what to install;
 * "request.media-undecodable" for files that are broken, silent of samples, or not as long as they say; both name `field`.
 * Throws the signal's reason when it aborts.
 */
export async function* decodeAudio(
  bytes: Uint8Array,
  options: AudioDecodeOptions,
): AsyncGenerator<Float32Array, void, undefined> {
  const { field = "audio", signal } = options;
  signal.throwIfAborted();
  const { format, durationSeconds } = probeAudio(bytes, field);
  const most = (durationSeconds * TOLERANCE.factor + TOLERANCE.seconds) * SAMPLE_RATE;
  const undecodable = (reason: string) => new RivuletError("request.media-undecodable", { field, reason });
  let samples = 0;
  for await (const block of blocksOf(bytes, format, { ...options, field })) {
    signal.throwIfAborted();
    samples += block.length;
    if (samples > most)
      throw undecodable(`the sound is longer than the ${durationSeconds} seconds that the file states`);
    if (!areNumbers(block)) throw undecodable("samples are not numbers");
    if (block.length > 0) yield block;
  }
  if (samples === 0) throw undecodable("there is no sound in it");
  const seconds = samples / SAMPLE_RATE;
  if (!VIDEO_FORMATS.includes(format) && seconds < durationSeconds * LEAST_SHARE - 1)
    throw undecodable(`the sound ends after ${seconds.toFixed(1)} of ${durationSeconds.toFixed(1)} seconds`);
}

/** One sample that is no number spoils the sum. */
function areNumbers(block: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < block.length; i++) sum += block[i] ?? 0;
  return Number.isFinite(sum);
}

function blocksOf(bytes: Uint8Array, format: string, options: AudioDecodeOptions & { readonly field: string }) {
  const samples = format === "wav" ? findWavSamples(bytes, options.field) : undefined;
  return samples === undefined ? decoded(bytes, format, options) : resampled(samples);
}

function* resampled({ rate, blocks }: MonoSamples): Generator<Float32Array, void, undefined> {
  const resampler = new Resampler(rate, SAMPLE_RATE);
  for (const block of blocks) yield resampler.push(block);
  yield resampler.end();
}

async function* decoded(
  bytes: Uint8Array,
  format: string,
  { field, signal, decoders = DECODERS }: AudioDecodeOptions & { readonly field: string },
): AsyncGenerator<Float32Array, void, undefined> {
  for (const decode of decoders)
    try {
      yield* samplesOf(decode({ bytes, format: DEMUXERS[format] ?? format, signal }));
      return;
    } catch (error) {
      if (error instanceof CodecFailed)
        throw new RivuletError("request.media-undecodable", { field, reason: error.message }, { cause: error });
      if (!(error instanceof CodecMissing)) throw error;
    }
  const reason = `decoding ${format} needs the package node-av, or the program ffmpeg, beside the runner; WAV needs neither`;
  throw new RivuletError("request.media-unsupported", { field, reason });
}

/** 16-bit samples as numbers, whose pieces may end within one. */
async function* samplesOf(pieces: AsyncIterable<Buffer>): AsyncGenerator<Float32Array, void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of pieces) {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    const whole = bytes.length - (bytes.length % 2);
    rest = bytes.subarray(whole);
    yield samplesOf16Bits(bytes.subarray(0, whole));
  }
}
