import { join } from "node:path";
import { ModelSettings } from "../model-settings.ts";
import { readTokenizer } from "../tokenizers/tokenizer-file.ts";
import { LogMel } from "./log-mel.ts";

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
  spectrogram(samples: Float32Array): Spectrogram;
  decode(ids: readonly number[]): string;
}

/** Reads tokenizer and spectrogram settings in a model's directory. Throws `RangeError` where a file is missing. */
export async function loadSpeech(directory: string): Promise<Speech> {
  const { tokenizer } = await readTokenizer(directory);
  const settings = await ModelSettings.get(join(directory, "preprocessor_config.json"));
  const get = (key: string) => settings.number(key, Number.NaN);
  const [rate, windowSeconds, hop] = [get("sampling_rate"), get("chunk_length"), get("hop_length")];
  const bands = get("feature_size");
  const mel = new LogMel({ rate, seconds: windowSeconds, width: get("n_fft"), hop, bands });
  return {
    rate,
    windowSeconds,
    hop,
    spectrogram: (samples) => ({ data: mel.of(samples), dims: [1, bands, mel.frames] }),
    decode: (ids) => (ids.length === 0 ? "" : tokenizer.decode([...ids], { skip_special_tokens: true })),
  };
}
