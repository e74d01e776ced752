import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Backend, Graph, Port } from "../backend.ts";
import { findInput, getInput } from "../diffusion/ports.ts";
import type { Progress } from "../implementation.ts";
import { ModelSettings } from "../model-settings.ts";
import { floatsOf, type Tensor, tensorOf } from "../tensor.ts";

/** Where exports put a decoder that stands alone, the usual place first. Source: runner-and-models 7.3.1. */
const FILES = ["onnx/model.onnx", "onnx/decoder_model_merged.onnx", "model.onnx"] as const;

const IDS = "input_ids";
const MASK = "attention_mask";
const POSITIONS = "position_ids";
const PAST = "past_key_values.";
const PRESENT = "present.";
const LOGITS = "logits";

/** What a decoder keeps of the tokens it has read: a key and a value a layer, by the input's name. */
export interface Memory {
  readonly tokens: number;
  readonly past: Readonly<Record<string, Tensor>>;
}

export interface CausalLoad {
  readonly directory: string;
  readonly backend: Backend;
  readonly threads: number;
  readonly onProgress: (progress: Progress) => void;
}

/**
 * A decoder-only language model: tokens in, a number for every token that may come next out. What it has read it hands
 * back as `Memory`, which is never changed: reading on makes the next one. Source: runner-and-models 7.15.
 */
export class CausalModel {
  readonly #graph: Graph;
  /** Tokens that prompt and answer may have together. */
  readonly contextLength: number;
  /** Any of these ends an answer. */
  readonly stops: ReadonlySet<number>;

  private constructor(graph: Graph, contextLength: number, stops: ReadonlySet<number>) {
    this.#graph = graph;
    this.contextLength = contextLength;
    this.stops = stops;
  }

  /** Throws `RangeError` for files of another kind. */
  static async load({ directory, backend, threads, onProgress }: CausalLoad): Promise<CausalModel> {
    const file = FILES.find((name) => existsSync(join(directory, name)));
    if (file === undefined) throw new RangeError(`the model has none of ${FILES.join(", ")}`);
    const config = await ModelSettings.read(join(directory, "config.json"));
    const generation = await ModelSettings.read(join(directory, "generation_config.json"));
    onProgress({ kind: "loading", stage: file, loaded: 0, total: 1 });
    const graph = await backend.open(join(directory, file), { threads });
    onProgress({ kind: "loading", stage: file, loaded: 1, total: 1 });
    try {
      for (const name of [IDS, MASK]) getInput(graph, name);
      for (const { name } of graph.inputs)
        if (![IDS, MASK, POSITIONS].includes(name) && !name.startsWith(PAST))
          throw new RangeError(`${graph.file} has an unknown input ${name}`);
      const stops = [...generation.numbersOf("eos_token_id"), ...config.numbersOf("eos_token_id")];
      return new CausalModel(graph, config.number("max_position_embeddings", DEFAULT_CONTEXT), new Set(stops));
    } catch (error) {
      await graph.close();
      throw error;
    }
  }

  /** Nothing read yet. */
  blank(): Memory {
    const past = this.#graph.inputs.filter(({ name }) => name.startsWith(PAST)).map((port) => [port.name, empty(port)]);
    return { tokens: 0, past: Object.fromEntries(past) };
  }

  /** Reads tokens, at least one, and says how likely each token of the vocabulary is to come next. */
  async read(
    ids: readonly number[],
    memory: Memory,
  ): Promise<{ readonly logits: Float32Array; readonly memory: Memory }> {
    const total = memory.tokens + ids.length;
    const feeds: Record<string, Tensor> = { ...memory.past };
    const put = (name: string, values: readonly number[]) => {
      const port = findInput(this.#graph, name);
      if (port !== undefined) feeds[name] = tensorOf(port.type, values, [1, values.length]);
    };
    put(IDS, ids);
    put(MASK, new Array<number>(total).fill(1));
    put(
      POSITIONS,
      Array.from(ids, (_, index) => memory.tokens + index),
    );
    const results = await this.#graph.run(feeds);
    const answer = results[LOGITS];
    if (answer === undefined) throw new RangeError(`${this.#graph.file} gave no ${LOGITS}`);
    const past = Object.keys(memory.past).map((name) => {
      const present = results[`${PRESENT}${name.slice(PAST.length)}`];
      if (present === undefined) throw new RangeError(`${this.#graph.file} gave nothing to remember for ${name}`);
      return [name, present] as const;
    });
    const [, , vocabulary = 0] = answer.dims;
    const all = floatsOf(answer);
    const logits = all.subarray(all.length - vocabulary);
    return { logits, memory: { tokens: total, past: Object.fromEntries(past) } };
  }

  close(): Promise<void> {
    return this.#graph.close();
  }
}

/** Of models that do not say. */
const DEFAULT_CONTEXT = 2048;

/** No positions at all: [1, heads, 0, width]. */
function empty({ name, type, dims: [, heads, , width] }: Port): Tensor {
  if (typeof heads !== "number" || typeof width !== "number")
    throw new RangeError(`the file does not say how many numbers ${name} has`);
  return tensorOf(type, [], [1, heads, 0, width]);
}
