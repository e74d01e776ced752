import { existsSync } from "node:fs";
import { join } from "node:path";
import type { BackendFactory } from "../backend.ts";
import { type Reading, TokenReader } from "../generation/token-reader.ts";
import { bestFile, type Graphs, modelOf } from "../graphs/graph-files.ts";
import type { LoadContext } from "../implementation.ts";
import { ModelSettings } from "../model-settings.ts";

/** Where a decoder lies that stands alone, in a folder of its own or beside its settings. Source: runner-and-models 7.3.1. */
const NAMES = ["model", "decoder_model_merged"] as const;
const BESIDE = "model.onnx";

/** Of models that do not say. */
const DEFAULT_CONTEXT = 2048;

/** A decoder-only language model and what its files say of it. Source: runner-and-models 7.15. */
export class LanguageModel {
  readonly #graphs: Graphs<"decoder">;
  readonly #reader: TokenReader;
  /** Tokens that prompt and answer may have together. */
  readonly contextLength: number;
  /** Any of these ends an answer. */
  readonly ends: ReadonlySet<number>;

  private constructor(graphs: Graphs<"decoder">, contextLength: number, ends: ReadonlySet<number>) {
    this.#graphs = graphs;
    this.#reader = new TokenReader(graphs.get("decoder"));
    this.contextLength = contextLength;
    this.ends = ends;
  }

  /** Throws `RangeError` for files of another kind. */
  static async load(backend: BackendFactory, context: LoadContext): Promise<LanguageModel> {
    const { directory } = context;
    const config = await ModelSettings.read(join(directory, "config.json"));
    const generation = await ModelSettings.read(join(directory, "generation_config.json"));
    const ends = new Set([...generation.numbersOf("eos_token_id"), ...config.numbersOf("eos_token_id")]);
    const contextLength = config.number("max_position_embeddings", DEFAULT_CONTEXT);
    const decoder = fileOf(directory);
    return modelOf(backend, context, { decoder }, (graphs) => new LanguageModel(graphs, contextLength, ends));
  }

  /** Whether it goes on with a conversation faster than it reads all of it anew. */
  get readsOn(): boolean {
    return this.#reader.readsOn;
  }

  /** A conversation of which nothing is read yet. */
  begin(): Reading {
    return this.#reader.begin();
  }

  async close(): Promise<void> {
    await this.#graphs[Symbol.asyncDispose]();
  }
}

function fileOf(directory: string): string {
  for (const name of NAMES) {
    const file = bestFile(directory, name);
    if (file !== undefined) return file;
  }
  if (existsSync(join(directory, BESIDE))) return BESIDE;
  throw new RangeError(`the model has none of ${NAMES.map((name) => `onnx/${name}.onnx`).join(", ")}, ${BESIDE}`);
}
