import { join } from "node:path";
import { getJson, ModelSettings } from "../model-settings.ts";
import { readTokenizer } from "../tokenizers/tokenizer-file.ts";

/** A spectrogram as the encoder takes it: [1, bands, frames]. */
export interface Spectrogram {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** Sound as a model reads it, and tokens as text. */
export interface Speech {
  /** Samples a second that the model hears. */
  readonly rate: number;
  /** The longest window, in seconds. */
  readonly windowSeconds: number;
  /** Samples a frame of the spectrogram. */
  readonly hop: number;
  spectrogram(samples: Float32Array): Promise<Spectrogram>;
  decode(ids: readonly number[]): string;
}

/**
 * Reads tokenizer and spectrogram settings in a model's directory. Throws `RangeError` where a file is missing.
 *
 * Transformers.js makes the spectrograms. It could also write down and merge windows, but lets times go back, takes words
 * for one token later than they are, and splits them differently from call to call.
 */
export async function loadSpeech(directory: string): Promise<Speech> {
  // Loading the library takes a quarter of a second, which only hosts of such models spend.
  const { WhisperFeatureExtractor } = await import("@huggingface/transformers");
  const { tokenizer } = await readTokenizer(directory);
  const file = join(directory, "preprocessor_config.json");
  const extractor = new WhisperFeatureExtractor(await getJson(file));
  const settings = new ModelSettings({ ...extractor.config }, file);
  const get = (key: string) => settings.number(key, Number.NaN);
  const [rate, windowSeconds, hop] = [get("sampling_rate"), get("chunk_length"), get("hop_length")];
  return {
    rate,
    windowSeconds,
    hop,
    async spectrogram(samples) {
      const { input_features: features } = await extractor(samples);
      return { data: features.data, dims: features.dims };
    },
    decode: (ids) => (ids.length === 0 ? "" : tokenizer.decode([...ids], { skip_special_tokens: true })),
  };
}
