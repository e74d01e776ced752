import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Tokenizer } from "@huggingface/tokenizers";
import type { BackendFactory, Graph, Port, Tensors } from "../backend.ts";
import { type Kept, keptBy, nothingKept } from "../generation/kept.ts";
import { refuseNonFinite } from "../graphs/finite.ts";
import { modelOf } from "../graphs/graph-files.ts";
import { takeFloats, takeOutput } from "../graphs/outputs.ts";
import { feed, getInput } from "../graphs/ports.ts";
import type { LoadContext } from "../implementation.ts";
import { ModelSettings } from "../model-settings.ts";
import type { Noise } from "../random/noise.ts";
import { rejected } from "../rejected.ts";
import type { Tensor } from "../tensor.ts";
import { readTokenizer } from "../tokenizers/tokenizer-file.ts";
import { turn } from "../turn.ts";
import { joined, type Speaker, samplesOf, type Utterance } from "./speaker.ts";
import { chosenVoice, type Manner } from "./voice.ts";

export const SPEECHT5_FILES = {
  encoder: "onnx/encoder_model.onnx",
  decoder: "onnx/decoder_model.onnx",
  vocoder: "onnx/decoder_postnet_and_vocoder.onnx",
} as const;

const IDS = "input_ids";
const BEFORE = "output_sequence";
const KEEP = "prenet_keep";
const SPEAKER = "speaker_embeddings";
const SPECTRUM = "spectrum";
const STOP = "prob";
const SPECTROGRAM = "spectrogram";

/** From here on the model has said what it wanted to; and so it has after so many frames a token. Source: 7.14. */
const STOP_THRESHOLD = 0.5;
const FRAMES_PER_TOKEN = 20;
/** The model drops this share of some of its numbers at every step; another would need another kind of chance. */
const DROPPED = 0.5;
/** Characters that the published model speaks well at once: it has places for as many frames as it may need for them. */
const LONGEST = 400;

/** Loads a SpeechT5 model with its vocoder and voices. Throws `RangeError` for files of another kind. */
export async function loadSpeecht5(backend: BackendFactory, context: LoadContext): Promise<Speaker> {
  const { directory } = context;
  const settings = await ModelSettings.read(join(directory, "config.json"));
  settings.choice("model_type", ["speecht5"], "speecht5");
  const dropped = settings.number("speech_decoder_prenet_dropout", DROPPED);
  if (dropped !== DROPPED) throw new RangeError(`setting speech_decoder_prenet_dropout must be ${DROPPED}: ${dropped}`);
  const { tokenizer } = await readTokenizer(directory);
  const voices = await voicesIn(join(directory, "voices"), settings.number("speaker_embedding_dim", DEFAULT_WIDTH));
  return modelOf(backend, context, SPEECHT5_FILES, (graphs) => {
    const [encoder, decoder, vocoder] = [graphs.get("encoder"), graphs.get("decoder"), graphs.get("vocoder")];
    getInput(encoder, IDS);
    for (const name of [BEFORE, KEEP, SPEAKER]) getInput(decoder, name);
    getInput(vocoder, SPECTROGRAM);
    return new Speecht5({ encoder, decoder, vocoder, tokenizer, voices, settings, graphs });
  });
}

const DEFAULT_WIDTH = 512;
const DEFAULT_RATE = 16_000;

interface Voice {
  readonly name: string;
  readonly embedding: Float32Array;
}

/** The speaker vectors that lie beside a model, by name, always in the same order. */
async function voicesIn(folder: string, width: number): Promise<readonly Voice[]> {
  const files = (await readdir(folder).catch(() => [])).filter((file) => file.endsWith(".bin")).sort();
  if (files.length === 0) throw new RangeError("the model has no voices/*.bin");
  return Promise.all(
    files.map(async (file) => {
      const bytes = await readFile(join(folder, file));
      if (bytes.length !== 4 * width) throw new RangeError(`voices/${file} does not hold ${width} numbers`);
      return { name: basename(file, ".bin"), embedding: new Float32Array(Uint8Array.from(bytes).buffer) };
    }),
  );
}

interface Speecht5Parts {
  readonly encoder: Graph;
  readonly decoder: Graph;
  readonly vocoder: Graph;
  readonly tokenizer: Tokenizer;
  readonly voices: readonly Voice[];
  readonly settings: ModelSettings;
  readonly graphs: AsyncDisposable;
}

/** Reads a text at once and speaks it frame after frame, in one of the voices beside it (Ao et al. 2022). */
class Speecht5 implements Speaker {
  readonly rate = DEFAULT_RATE;
  readonly longest: number;
  readonly #parts: Speecht5Parts;
  readonly #bins: number;
  readonly #perStep: number;
  readonly #mostTokens: number;
  readonly #mostSteps: number;

  constructor(parts: Speecht5Parts) {
    this.#parts = parts;
    this.#bins = parts.settings.number("num_mel_bins", 80);
    this.#perStep = parts.settings.number("reduction_factor", 2);
    this.#mostTokens = parts.settings.number("max_text_positions", 600);
    this.#mostSteps = parts.settings.number("max_speech_positions", 4000);
    // A space before the first word, and the end, are tokens, too.
    this.longest = Math.min(LONGEST, this.#mostTokens - 2);
  }

  async speak({ text, manner, noise, signal }: Utterance): Promise<Float32Array> {
    const { encoder, tokenizer, vocoder } = this.#parts;
    const { ids } = tokenizer.encode(text);
    if (ids.length > this.#mostTokens)
      throw rejected("text", `a sentence of ${ids.length} tokens exceeds the maximum of ${this.#mostTokens}`);
    await turn(signal);
    const read = await encoder.run({ [IDS]: feed(getInput(encoder, IDS), ids, [1, ids.length]) });
    const spectrogram = await this.#spectrogram(read, ids.length, this.#voiceOf(manner), noise, signal);
    await turn(signal);
    const input = feed(getInput(vocoder, SPECTROGRAM), spectrogram, [1, spectrogram.length / this.#bins, this.#bins]);
    return await samplesOf(vocoder, { [SPECTROGRAM]: input });
  }

  async dispose(): Promise<void> {
    await this.#parts.graphs[Symbol.asyncDispose]();
  }

  /** Of the voices whose names begin with the manner's gender; of all where none does. */
  #voiceOf(manner: Manner): Float32Array {
    const { voices } = this.#parts;
    const fitting = voices.filter(({ name }) => name.startsWith(manner.gender));
    const voice = chosenVoice(fitting.length > 0 ? fitting : voices, manner);
    if (voice === undefined) throw new RangeError("the model has no voice");
    return voice.embedding;
  }

  /** Frame after frame, each after the last, until the model wants to stop. */
  async #spectrogram(
    read: Tensors,
    tokens: number,
    voice: Float32Array,
    noise: Noise,
    signal: AbortSignal,
  ): Promise<Float32Array> {
    const { decoder } = this.#parts;
    const states = keptBy(decoder);
    const before = getInput(decoder, BEFORE);
    const constant = { [SPEAKER]: feed(getInput(decoder, SPEAKER), voice, [1, voice.length]) };
    const past: Record<string, Tensor> = Object.fromEntries(
      states.map((kept) => [kept.past.name, this.#begun(kept, read)]),
    );
    let last = new Float32Array(this.#bins);
    const steps = Math.min(Math.floor((tokens * FRAMES_PER_TOKEN) / this.#perStep), this.#mostSteps);
    const frames: Float32Array[] = [];
    for (let step = 1; ; step++) {
      await turn(signal);
      const results = await decoder.run({
        ...constant,
        ...past,
        [BEFORE]: feed(before, last, [1, 1, this.#bins]),
        [KEEP]: chosen(decoder, noise),
      });
      const spectrum = takeFloats(results, SPECTRUM, decoder.file).data;
      frames.push(spectrum);
      last = spectrum.slice(-this.#bins);
      const stops = takeFloats(results, STOP, decoder.file).data;
      refuseNonFinite(stops, "frames");
      const stop = stops.reduce((sum, value) => sum + value, 0);
      if (stop >= STOP_THRESHOLD || step >= steps) break;
      for (const { past: port, present, isOfEncoder } of states)
        if (!isOfEncoder) past[port.name] = takeOutput(results, present, decoder.file);
    }
    return joined(frames);
  }

  /** At the start nothing is said; what is read stays the same. */
  #begun(kept: Kept, read: Tensors): Tensor {
    const { encoder, decoder } = this.#parts;
    return kept.isOfEncoder ? takeOutput(read, readName(kept.past), encoder.file) : nothingKept(kept, 1, decoder);
  }
}

/** `past_key_values.0.encoder.key` is the text's `encoder.0.key`. */
function readName({ name }: Port): string {
  const [, layer, , part] = name.split(".");
  return `encoder.${layer}.${part}`;
}

/** Layer by layer which numbers are kept: each with the chance of a half. */
function chosen(decoder: Graph, noise: Noise): Tensor {
  const port = getInput(decoder, KEEP);
  const [layers, rows, units] = port.dims;
  if (typeof layers !== "number" || typeof rows !== "number" || typeof units !== "number")
    throw new RangeError(`${decoder.file} does not say how many numbers ${KEEP} has`);
  const values = Array.from({ length: layers }, () => noise(units).map((value) => (value > 0 ? 1 : 0)));
  return feed(port, joined(values), [layers, rows, units]);
}
