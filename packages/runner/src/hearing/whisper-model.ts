import type { Graph, Port } from "../backend.ts";
import { refuseNonFinite } from "../diffusion/decoder.ts";
import { findInput, getInput } from "../diffusion/ports.ts";
import { floatsOf, type Tensor, tensorOf } from "../tensor.ts";

const FEATURES = "input_features";
const STATES = "last_hidden_state";
const IDS = "input_ids";
const SEEN = "encoder_hidden_states";
/** Which half of a decoder of two halves runs: the one that reads the encoder's states, or the one that goes on. */
const GOES_ON = "use_cache_branch";
const PAST = "past_key_values.";
const PRESENT = "present.";
const OF_SOUND = ".encoder.";
const LOOKS = "cross_attentions.";
const LOGITS = "logits";

/** What the decoder knows of the sound and of the tokens it has read, by input name. Never changed: reading makes the next. */
export interface Heard {
  readonly states: Tensor;
  readonly hasRead: boolean;
  readonly past: Readonly<Record<string, Tensor>>;
}

export interface Answer {
  /** How likely each token of the vocabulary is to come next; the reader's own, to be changed. */
  readonly logits: Float32Array;
  readonly heard: Heard;
  /** By layer: where each head looked, for each token read. [1, heads, tokens, frames] */
  readonly looks: ReadonlyMap<number, Tensor>;
}

/**
 * An encoder that hears a window of sound and a decoder that writes what it heard, token by token, as Transformers.js and
 * `models/export/export_whisper.py` lay them out. Source: runner-and-models 7.3.1, 7.11.
 */
export class WhisperModel {
  readonly #encoder: Graph;
  readonly #decoder: Graph;
  readonly #past: readonly Port[];

  /** Throws `RangeError` for graphs of another kind. */
  constructor(encoder: Graph, decoder: Graph) {
    getInput(encoder, FEATURES);
    for (const name of [IDS, SEEN]) getInput(decoder, name);
    for (const { name } of decoder.inputs)
      if (![IDS, SEEN, GOES_ON].includes(name) && !name.startsWith(PAST))
        throw new RangeError(`${decoder.file} has an unknown input ${name}`);
    this.#encoder = encoder;
    this.#decoder = decoder;
    this.#past = decoder.inputs.filter(({ name }) => name.startsWith(PAST));
  }

  /** Whether the decoder tells where it looks, in these layers. */
  looks(layers: Iterable<number>): boolean {
    return [...layers].every((layer) => this.#decoder.outputs.some(({ name }) => name === `${LOOKS}${layer}`));
  }

  /** Hears a window: a spectrogram of [1, bands, frames]. */
  async hear(features: Float32Array, dims: readonly number[]): Promise<Heard> {
    const input = tensorOf(getInput(this.#encoder, FEATURES).type, features, dims);
    const states = (await this.#encoder.run({ [FEATURES]: input }, [STATES]))[STATES];
    if (states === undefined) throw new RangeError(`the model gave no ${STATES}`);
    const { type } = getInput(this.#decoder, SEEN);
    return {
      // The halves of a model may be of different precision.
      states: states.type === type ? states : tensorOf(type, floatsOf(states), states.dims),
      hasRead: false,
      past: Object.fromEntries(this.#past.map((port) => [port.name, nothing(port)])),
    };
  }

  /** Reads tokens, at least one. `layers`: those whose looks are wanted. Throws "runner.failed" for numbers that are none. */
  async read(ids: readonly number[], heard: Heard, layers: Iterable<number> = []): Promise<Answer> {
    const feeds: Record<string, Tensor> = { ...heard.past, [SEEN]: heard.states };
    feeds[IDS] = tensorOf(getInput(this.#decoder, IDS).type, ids, [1, ids.length]);
    const branch = findInput(this.#decoder, GOES_ON);
    if (branch !== undefined) feeds[GOES_ON] = tensorOf(branch.type, [heard.hasRead ? 1 : 0], [1]);
    // What is kept of the sound is the same from the first time on, and some files give back nothing in its place.
    const fresh = this.#past.filter(({ name }) => !heard.hasRead || !name.includes(OF_SOUND));
    const wanted = [...layers];
    const results = await this.#decoder.run(feeds, [
      LOGITS,
      ...fresh.map(({ name }) => presentOf(name)),
      ...wanted.map((layer) => `${LOOKS}${layer}`),
    ]);
    const get = (name: string) => {
      const found = results[name];
      if (found === undefined) throw new RangeError(`the model gave no ${name}`);
      return found;
    };
    const answer = get(LOGITS);
    const logits = floatsOf(answer).subarray(-(answer.dims.at(-1) ?? 0));
    let sum = 0;
    for (const logit of logits) sum += logit;
    refuseNonFinite(sum, "answer");
    const kept = Object.fromEntries(fresh.map(({ name }) => [name, get(presentOf(name))]));
    return {
      logits,
      heard: { states: heard.states, hasRead: true, past: { ...heard.past, ...kept } },
      looks: new Map(wanted.map((layer) => [layer, get(`${LOOKS}${layer}`)])),
    };
  }
}

function presentOf(past: string): string {
  return `${PRESENT}${past.slice(PAST.length)}`;
}

/** No positions at all: [1, heads, 0, width]. */
function nothing({ name, type, dims: [, heads, , width] }: Port): Tensor {
  if (typeof heads !== "number" || typeof width !== "number")
    throw new RangeError(`the file does not say how many numbers ${name} has`);
  return tensorOf(type, [], [1, heads, 0, width]);
}
