import { refuseNonFinite } from "../diffusion/decoder.ts";
import type { LoadContext, RunContext } from "../implementation.ts";

export type Library = typeof import("@huggingface/transformers");
export type LibraryTensor = InstanceType<Library["Tensor"]>;
type Model = InstanceType<Library["PreTrainedModel"]>;

/** The library's native part tells fatal errors only; others are thrown. */
const FATAL = 4;

/** What a caption is made from. */
export interface Beginning {
  /** Tokens the decoder reads before it speaks. */
  readonly ids: readonly number[];
  /** Tokens that these and the caption have together at most. */
  readonly length: number;
  /** What the encoder is told, by name. */
  readonly inputs: Readonly<Record<string, LibraryTensor>>;
}

/** A model that Transformers.js runs, with what we want watched at every token. */
export class LibraryModel {
  readonly #library: Library;
  readonly #model: Model;

  private constructor(library: Library, model: Model) {
    this.#library = library;
    this.#model = model;
  }

  /** Throws `RangeError`, with the names of the files, for some that cannot be opened. */
  static async load(
    { directory, threads, onProgress }: LoadContext,
    kind: "VisionEncoderDecoderModel" | "Florence2ForConditionalGeneration",
    files: readonly string[],
  ): Promise<LibraryModel> {
    const stage = files.join(", ");
    onProgress({ kind: "loading", stage, loaded: 0, total: 1 });
    const library = await import("@huggingface/transformers");
    const options = {
      local_files_only: true,
      dtype: "fp32",
      device: "cpu",
      session_options: { intraOpNumThreads: threads, interOpNumThreads: 1, logSeverityLevel: FATAL },
    } as const;
    const model = await library[kind].from_pretrained(directory, options).catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new RangeError(`${stage} could not be opened: ${reason}`, { cause });
    });
    onProgress({ kind: "loading", stage, loaded: 1, total: 1 });
    return new LibraryModel(library, model);
  }

  floats(data: Float32Array, dims: readonly number[]): LibraryTensor {
    return new this.#library.Tensor("float32", data, [...dims]);
  }

  /** One row of whole numbers. */
  ids(values: readonly number[]): LibraryTensor {
    return new this.#library.Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);
  }

  /** The likeliest tokens after a beginning, which comes with them. An abort ends it within a token. */
  async generate({ ids, length, inputs }: Beginning, context: RunContext): Promise<readonly number[]> {
    const made = await this.#model.generate({
      ...inputs,
      decoder_input_ids: this.ids(ids),
      max_length: length,
      num_beams: 1,
      do_sample: false,
      logits_processor: this.#watching(context, length - ids.length),
    });
    if (!(made instanceof this.#library.Tensor)) throw new RangeError("the model gave no tokens");
    return Array.from(made.data, Number);
  }

  async dispose(): Promise<void> {
    await this.#model.dispose();
  }

  /** Looks at the signal and at the numbers before each token; changes nothing. */
  #watching({ signal, onProgress }: RunContext, room: number) {
    const { LogitsProcessor, LogitsProcessorList } = this.#library;
    let step = 0;
    const watcher = new (class extends LogitsProcessor {
      override _call(_ids: bigint[][], logits: LibraryTensor) {
        signal.throwIfAborted();
        let sum = 0;
        // Minus infinity is how the library says never.
        for (const value of logits.data) if (value !== Number.NEGATIVE_INFINITY) sum += Number(value);
        refuseNonFinite(sum, "caption");
        step += 1;
        onProgress({ kind: "step", image: 0, step, of: room });
        return logits;
      }
    })();
    const list = new LogitsProcessorList();
    list.push(watcher);
    return list;
  }
}
