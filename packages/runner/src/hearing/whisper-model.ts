import type { Graph, Tensors } from "../backend.ts";
import { getInput } from "../diffusion/ports.ts";
import { type Reading, TokenReader } from "../generation/token-reader.ts";
import { floatsOf, tensorOf } from "../tensor.ts";
import type { Looks } from "./alignment.ts";

const FEATURES = "input_features";
const STATES = "last_hidden_state";
const SEEN = "encoder_hidden_states";
/** By layer, for each token read: where each head looked. [1, heads, tokens, frames] */
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

  /** Whether the decoder tells where it looks, in these layers. */
  looks(layers: Iterable<number>): boolean {
    return looksOf(layers).every((name) => this.#reader.gives(name));
  }

  /** Hears a window, a spectrogram of [1, bands, frames]: what will be read is about that. */
  async hear(features: Float32Array, dims: readonly number[]): Promise<Reading> {
    const input = tensorOf(getInput(this.#encoder, FEATURES).type, features, dims);
    const states = (await this.#encoder.run({ [FEATURES]: input }, [STATES]))[STATES];
    if (states === undefined) throw new RangeError(`the model gave no ${STATES}`);
    const { type } = getInput(this.#decoder, SEEN);
    // The halves of a model may be of different precision.
    const seen = states.type === type ? states : tensorOf(type, floatsOf(states), states.dims);
    return this.#reader.begin({ [SEEN]: seen });
  }
}

/** The outputs that tell where the heads of some layers look. */
export function looksOf(layers: Iterable<number>): readonly string[] {
  return [...layers].map((layer) => `${LOOKS}${layer}`);
}

/** Where one head looked for the one token that was read. */
export function lookOf(outputs: Tensors, [layer, head]: readonly [layer: number, head: number]): Looks[number] {
  const looks = outputs[`${LOOKS}${layer}`];
  const [, heads = 0, , frames = 0] = looks?.dims ?? [];
  if (looks === undefined || head >= heads) throw new RangeError(`the model has no attention head ${head}`);
  // A copy: the heads that tell nothing are forgotten.
  return floatsOf(looks).slice(head * frames, (head + 1) * frames);
}
