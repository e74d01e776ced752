import { existsSync } from "node:fs";
import { join } from "node:path";
import { readJson } from "../model-settings.ts";

/** What was written down of one window. */
export interface WindowTokens {
  /** Beginning with the prompt, because it names the language. */
  readonly tokens: readonly number[];
  /** When each of the tokens has sounded, which is when the next begins, in seconds of the window; for times of words. */
  readonly times?: readonly number[];
  /** The window's length, and how much of it the windows before and after hear as well, in seconds. */
  readonly stride: readonly [length: number, left: number, right: number];
}

export interface Piece {
  readonly text: string;
  readonly timestamp: readonly [begin: number, end: number | null];
}

export interface Transcript {
  readonly text: string;
  /** Sentences or words; empty when no times were asked for. */
  readonly chunks: readonly Piece[];
}

export type Times = "none" | "sentences" | "words";

/** A spectrogram as the encoder takes it: [1, bands, frames]. */
export interface Spectrogram {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** What Transformers.js does for us: spectrograms, and the texts of overlapping windows made one. */
export interface Speech {
  /** Samples a second that the model hears. */
  readonly rate: number;
  /** The longest window, in seconds. */
  readonly windowSeconds: number;
  /** Samples a frame of the spectrogram. */
  readonly hop: number;
  spectrogram(samples: Float32Array): Promise<Spectrogram>;
  /** `precision`: seconds between two timestamps. */
  merged(windows: readonly WindowTokens[], times: Times, precision: number): Transcript;
}

/** Reads tokenizer and spectrogram settings in a model's directory. Throws `RangeError` where a file is missing. */
export async function loadSpeech(directory: string): Promise<Speech> {
  // Loading the library takes a quarter of a second, which only hosts of such models spend.
  const { WhisperFeatureExtractor, WhisperTokenizer } = await import("@huggingface/transformers");
  const tokenizerJson = await getJson(directory, "tokenizer.json");
  const tokenizer = new WhisperTokenizer(
    tokenizerJson,
    (await readJson(join(directory, "tokenizer_config.json"))) ?? {},
  );
  const extractor = new WhisperFeatureExtractor(await getJson(directory, "preprocessor_config.json"));
  const { sampling_rate: rate, chunk_length: windowSeconds, hop_length: hop } = Object(extractor.config);
  return {
    rate,
    windowSeconds,
    hop,
    async spectrogram(samples) {
      const { input_features: features } = await extractor(samples);
      return { data: features.data, dims: features.dims };
    },
    merged(windows, times, precision) {
      const told = windows.map(({ tokens, times: token_timestamps, stride }) => ({
        tokens: tokens.map(BigInt),
        // The library takes the times for those at which tokens begin, and makes every word late by one token otherwise.
        ...(token_timestamps === undefined ? {} : { token_timestamps: [0, ...token_timestamps] }),
        stride: [...stride],
      }));
      const [text = "", { chunks = [] } = {}] = tokenizer._decode_asr(told, {
        return_timestamps: RETURNED[times],
        time_precision: precision,
        force_full_sequences: false,
      }) as [string, { chunks?: readonly Told[] }];
      return { text, chunks: chunks.map(pieceAfter) };
    },
  };
}

/** How the library calls the kinds of times. */
const RETURNED = { none: false, sentences: true, words: "word" } as const satisfies Record<Times, unknown>;

/** A piece as the library tells it: either time may be unknown, the first where a window begins within a sentence. */
interface Told {
  readonly text: string;
  readonly timestamp: readonly [number | null, number | null];
}

/** A beginning that is unknown is the end of the piece before: the published form of answers has a number there. */
function pieceAfter({ text, timestamp: [begin, end] }: Told, index: number, all: readonly Told[]): Piece {
  const [before = 0, after] = all[index - 1]?.timestamp ?? [];
  return { text, timestamp: [begin ?? after ?? before ?? 0, end] };
}

async function getJson(directory: string, name: string): Promise<Readonly<Record<string, unknown>>> {
  const path = join(directory, name);
  const json = existsSync(path) ? await readJson(path) : undefined;
  if (json === undefined) throw new RangeError(`the model has no ${name}`);
  return json;
}
