import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Backend, Graph } from "../backend.ts";
import { type Reading, TokenReader } from "../generation/token-reader.ts";
import type { Progress } from "../implementation.ts";
import { ModelSettings } from "../model-settings.ts";

/** Where exports put a decoder that stands alone, the usual place first. Source: runner-and-models 7.3.1. */
const FILES = ["onnx/model.onnx", "onnx/decoder_model_merged.onnx", "model.onnx"] as const;

/** Of models that do not say. */
const DEFAULT_CONTEXT = 2048;

export interface LanguageModelLoad {
  readonly directory: string;
  readonly backend: Backend;
  readonly threads: number;
  readonly onProgress: (progress: Progress) => void;
}

/** A decoder-only language model and what its files say of it. Source: runner-and-models 7.15. */
export class LanguageModel {
  readonly #graph: Graph;
  readonly #reader: TokenReader;
  /** Tokens that prompt and answer may have together. */
  readonly contextLength: number;
  /** Any of these ends an answer. */
  readonly ends: ReadonlySet<number>;

  private constructor(graph: Graph, contextLength: number, ends: ReadonlySet<number>) {
    this.#graph = graph;
    this.#reader = new TokenReader(graph);
    this.contextLength = contextLength;
    this.ends = ends;
  }

  /** Throws `RangeError` for files of another kind. */
  static async load({ directory, backend, threads, onProgress }: LanguageModelLoad): Promise<LanguageModel> {
    const file = FILES.find((name) => existsSync(join(directory, name)));
    if (file === undefined) throw new RangeError(`the model has none of ${FILES.join(", ")}`);
    const config = await ModelSettings.read(join(directory, "config.json"));
    const generation = await ModelSettings.read(join(directory, "generation_config.json"));
    onProgress({ kind: "loading", stage: file, loaded: 0, total: 1 });
    const graph = await backend.open(join(directory, file), { threads });
    onProgress({ kind: "loading", stage: file, loaded: 1, total: 1 });
    try {
      const ends = [...generation.numbersOf("eos_token_id"), ...config.numbersOf("eos_token_id")];
      return new LanguageModel(graph, config.number("max_position_embeddings", DEFAULT_CONTEXT), new Set(ends));
    } catch (error) {
      await graph.close();
      throw error;
    }
  }

  /** A conversation of which nothing is read yet. */
  begin(): Reading {
    return this.#reader.begin();
  }

  close(): Promise<void> {
    return this.#graph.close();
  }
}
