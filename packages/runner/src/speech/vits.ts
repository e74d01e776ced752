import { join } from "node:path";
import { RivuletError } from "@rivulet/primitives";
import type { BackendFactory, Graph } from "../backend.ts";
import { modelOf } from "../graphs/graph-files.ts";
import { takeFloats } from "../graphs/outputs.ts";
import { allowInputs, feed, findInput, getInput } from "../graphs/ports.ts";
import type { LoadContext } from "../implementation.ts";
import { ModelSettings } from "../model-settings.ts";
import type { Noise } from "../random/noise.ts";
import type { Tensor } from "../tensor.ts";
import { turn } from "../turn.ts";
import { MAX_SECONDS, type Speaker, samplesOf, type Utterance } from "./speaker.ts";
import { loadVitsTokenizer, type VitsTokenizer } from "./vits-tokenizer.ts";
import { chosenVoice } from "./voice.ts";

/** The model in two parts, between which its own random numbers are needed. */
export const VITS_FILES = { encoder: "onnx/text_encoder.onnx", decoder: "onnx/decoder.onnx" } as const;

const IDS = "input_ids";
const NOISE = "duration_noise";
const SPEAKER = "speaker_id";
const LATENTS = "latents";
const DURATIONS = "log_durations";
const MEANS = "prior_means";
const VARIANCES = "prior_log_variances";

/** Characters that the published models speak well at once. */
const LONGEST = 600;

/** Loads a VITS model. Throws `RangeError` for files of another kind. */
export async function loadVits(backend: BackendFactory, context: LoadContext): Promise<Speaker> {
  const { directory } = context;
  const settings = await ModelSettings.read(join(directory, "config.json"));
  settings.choice("model_type", ["vits"], "vits");
  const tokenizer = await loadVitsTokenizer(directory);
  return modelOf(backend, context, VITS_FILES, (graphs) => {
    const [encoder, decoder] = [graphs.get("encoder"), graphs.get("decoder")];
    allowInputs(encoder, [IDS, NOISE, SPEAKER]);
    allowInputs(decoder, [LATENTS, SPEAKER]);
    for (const name of [IDS, NOISE]) getInput(encoder, name);
    getInput(decoder, LATENTS);
    return new Vits({ encoder, decoder, tokenizer, settings, graphs });
  });
}

interface VitsParts {
  readonly encoder: Graph;
  readonly decoder: Graph;
  readonly tokenizer: VitsTokenizer;
  readonly settings: ModelSettings;
  readonly graphs: AsyncDisposable;
}

/** Letters become sounds of a random length, and these, with random numbers for each moment, a voice (Kim et al. 2021). */
class Vits implements Speaker {
  readonly rate: number;
  readonly longest = LONGEST;
  readonly #parts: VitsParts;
  readonly #noiseScale: number;
  readonly #speed: number;
  readonly #voices: readonly number[];
  readonly #maxFrames: number;

  constructor(parts: VitsParts) {
    const { settings } = parts;
    this.#parts = parts;
    this.rate = settings.number("sampling_rate", DEFAULT_RATE);
    this.#noiseScale = settings.number("noise_scale", DEFAULT_NOISE);
    this.#speed = settings.number("speaking_rate", 1);
    this.#voices = Array.from({ length: settings.number("num_speakers", 1) }, (_, index) => index);
    const samplesPerFrame = (settings.findNumbers("upsample_rates") ?? DEFAULT_UPSAMPLING).reduce((a, b) => a * b, 1);
    this.#maxFrames = (MAX_SECONDS * this.rate) / samplesPerFrame;
  }

  async speak({ text, manner, noise, signal }: Utterance): Promise<Float32Array> {
    const { encoder, decoder, tokenizer } = this.#parts;
    const ids = tokenizer.encode(text);
    if (ids.length === 0) return new Float32Array();
    const voice = chosenVoice(this.#voices, manner) ?? 0;
    const withVoice = (graph: Graph, feeds: Record<string, Tensor>): Record<string, Tensor> => {
      const port = findInput(graph, SPEAKER);
      return port === undefined ? feeds : { ...feeds, [SPEAKER]: feed(port, [voice], [1]) };
    };
    await turn(signal);
    const heard = await encoder.run(
      withVoice(encoder, {
        [IDS]: feed(getInput(encoder, IDS), ids, [1, ids.length]),
        [NOISE]: feed(getInput(encoder, NOISE), noise(2 * ids.length), [1, 2, ids.length]),
      }),
      [DURATIONS, MEANS, VARIANCES],
    );
    const told = (name: string) => takeFloats(heard, name, encoder.file).data;
    const frames = this.#frames(told(DURATIONS), this.#speed * manner.speed);
    const [means, logVariances] = [told(MEANS), told(VARIANCES)];
    const width = means.length / ids.length;
    const latents = this.#latents(frames, { means, logVariances, width }, noise);
    await turn(signal);
    const feeds = withVoice(decoder, {
      [LATENTS]: feed(getInput(decoder, LATENTS), latents, [1, width, frames.length]),
    });
    return await samplesOf(decoder, feeds);
  }

  async dispose(): Promise<void> {
    await this.#parts.graphs[Symbol.asyncDispose]();
  }

  /** For each moment of the speech the letter that sounds. */
  #frames(logDurations: Float32Array, speed: number): readonly number[] {
    const frames: number[] = [];
    for (const [letter, log] of logDurations.entries()) {
      const duration = Math.ceil(Math.fround(Math.fround(Math.exp(log)) * Math.fround(1 / speed)));
      // Written so that what is no number is refused, too.
      if (!(frames.length + duration <= this.#maxFrames))
        throw new RivuletError("runner.failed", { reason: `the model speaks for more than ${MAX_SECONDS} seconds` });
      for (let i = 0; i < duration; i++) frames.push(letter);
    }
    return frames.length === 0 ? [0] : frames;
  }

  /** Every moment is drawn around what its letter sounds like. */
  #latents(frames: readonly number[], { means, logVariances, width }: Prior, noise: Noise): Float32Array {
    const spreads = logVariances.map((log) => Math.exp(log) * this.#noiseScale);
    const latents = noise(frames.length * width);
    for (let row = 0, at = 0; row < width; row++)
      for (let moment = 0; moment < frames.length; moment++, at++) {
        const from = (frames[moment] ?? 0) * width + row;
        latents[at] = (means[from] ?? 0) + (latents[at] ?? 0) * (spreads[from] ?? 0);
      }
    return latents;
  }
}

/** What each letter sounds like: `width` numbers a letter, and how far they may vary. */
interface Prior {
  readonly means: Float32Array;
  readonly logVariances: Float32Array;
  readonly width: number;
}

/** Of configurations that do not say. */
const DEFAULT_RATE = 16_000;
const DEFAULT_NOISE = 0.667;
const DEFAULT_UPSAMPLING = [8, 8, 2, 2] as const;
