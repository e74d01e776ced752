import type { Graph, Tensors } from "../backend.ts";
import { type Reading, TokenReader } from "../generation/token-reader.ts";
import { takeOutput } from "../graphs/outputs.ts";
import { getInput, rowsPerRun } from "../graphs/ports.ts";
import { floatsOf, gathered, type Tensor, tensorOf } from "../tensor.ts";
import type { Looks } from "./alignment.ts";
import type { WhisperSettings } from "./whisper-settings.ts";

type Heads = WhisperSettings["alignmentHeads"];

const FEATURES = "input_features";
const STATES = "last_hidden_state";
const IDS = "input_ids";
const SEEN = "encoder_hidden_states";
/** By layer, for each token read: where each head looked. [texts, heads, tokens, frames] */
const LOOKS = "cross_attentions.";

/**
 * An encoder that hears a window of sound and a decoder that writes what it heard, token by token, as Transformers.js and
 * `models/export/export_whisper.py` lay them out. Source: runner-and-models 7.3.1, 7.11.
 */
export class WhisperModel {
  readonly #encoder: Graph;
  readonly #decoder: Graph;
  readonly #reader: TokenReader;

  /** Throws `RangeError` for graphs of another kind. */
  constructor(encoder: Graph, decoder: Graph) {
    getInput(encoder, FEATURES);
    this.#encoder = encoder;
    this.#decoder = decoder;
    this.#reader = new TokenReader(decoder, { given: [SEEN] });
  }

  /** Whether the decoder tells where these heads look. */
  looks(heads: Heads): boolean {
    return looksOf(heads).every((name) => this.#reader.gives(name));
  }

  /** How many windows can be read at once: files exported for one take one. */
  get atOnce(): number {
    return rowsPerRun(getInput(this.#decoder, IDS));
  }

  /** Hears a window: from a spectrogram of [1, bands, frames] to the states that are read. */
  async hear(features: Float32Array, dims: readonly number[]): Promise<Tensor> {
    const input = tensorOf(getInput(this.#encoder, FEATURES).type, features, dims);
    return takeOutput(await this.#encoder.run({ [FEATURES]: input }, [STATES]), STATES, this.#encoder.file);
  }

  /** Begins to read what was heard of windows, at least one. */
  begin(heard: readonly Tensor[]): Reading {
    const [first] = heard;
    const states = first !== undefined && heard.length === 1 ? first : gathered(heard.map((each) => [each, 0]));
    const { type } = getInput(this.#decoder, SEEN);
    // The halves of a model may be of different precision.
    const seen = states.type === type ? states : tensorOf(type, floatsOf(states), states.dims);
    return this.#reader.begin({ [SEEN]: seen }, heard.length);
  }
}

/** The outputs that tell where heads look, each once. */
export function looksOf(heads: Heads): readonly string[] {
  return [...new Set(heads.map(([layer]) => `${LOOKS}${layer}`))];
}

/** Where one head looked for the one token of a text that was read. */
export function lookOf(outputs: Tensors, [layer, head]: Heads[number], text: number): Looks[number] {
  const looks = outputs[`${LOOKS}${layer}`];
  const [, heads = 0, , frames = 0] = looks?.dims ?? [];
  if (looks === undefined || head >= heads) throw new RangeError(`the model has no attention head ${head}`);
  const from = (text * heads + head) * frames;
  // A copy: the heads that tell nothing are forgotten.
  return floatsOf(looks).slice(from, from + frames);
}
