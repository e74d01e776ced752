import { join } from "node:path";
import type { PipelineRequest, PipelineRunnerResponse } from "@rivulet/pipelines";
import { refuseNonFinite } from "../diffusion/decoder.ts";
import { turn } from "../diffusion/denoise.ts";
import { rejected } from "../diffusion/picture-maker.ts";
import { bilinear } from "../diffusion/resample.ts";
import type { LoadContext, LoadedModel, RunContext } from "../implementation.ts";
import { ModelSettings } from "../model-settings.ts";
import { givenPicture } from "../pipelines/given-picture.ts";
import { loadTextTokenizer, type TextTokenizer } from "../tokenizers/text-tokenizer.ts";
import { PictureInput } from "../vision/picture-input.ts";

type Library = typeof import("@huggingface/transformers");
type Model = InstanceType<Library["PreTrainedModel"]>;

/** The two graphs of the layout. Source: runner-and-models 7.3.1. */
export const ENCODER_DECODER_FILES = {
  encoder: "onnx/encoder_model.onnx",
  decoder: "onnx/decoder_model_merged.onnx",
} as const;

/** Of vision transformers in general. Source: runner-and-models 7.12. */
const DEFAULTS = { side: 224, length: 16, begin: 50_256 } as const;
const HALVES = { mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] } as const;
/** The library's native part tells fatal errors only; others are thrown. */
const FATAL = 4;

/**
 * Loads a vision encoder with a language model behind it, such as ViT-GPT2, as Transformers.js runs it.
 * Throws `RangeError` for files of another kind.
 */
export async function loadEncoderDecoder({
  directory,
  threads,
  onProgress,
}: LoadContext): Promise<LoadedModel<"image-to-text">> {
  const settings = await ModelSettings.read(join(directory, "config.json"));
  settings.choice("model_type", ["vision-encoder-decoder"], "vision-encoder-decoder");
  const generation = await ModelSettings.read(join(directory, "generation_config.json"));
  const tokenizer = await loadTextTokenizer(directory);
  const input = await PictureInput.read(directory, { side: DEFAULTS.side, kernel: bilinear, ...HALVES });
  const stage = Object.values(ENCODER_DECODER_FILES).join(", ");
  onProgress({ kind: "loading", stage, loaded: 0, total: 1 });
  const library = await import("@huggingface/transformers");
  const options = {
    local_files_only: true,
    dtype: "fp32",
    device: "cpu",
    session_options: { intraOpNumThreads: threads, interOpNumThreads: 1, logSeverityLevel: FATAL },
  } as const;
  const model = await library.VisionEncoderDecoderModel.from_pretrained(directory, options).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RangeError(`${stage} could not be opened: ${reason}`, { cause });
  });
  onProgress({ kind: "loading", stage, loaded: 1, total: 1 });
  return new EncoderDecoder(library, model, input, tokenizer, {
    begin: generation.number("decoder_start_token_id", settings.number("decoder_start_token_id", DEFAULTS.begin)),
    length: generation.number("max_length", DEFAULTS.length),
  });
}

interface CaptionSettings {
  /** The token that every caption begins with. */
  readonly begin: number;
  /** Tokens that beginning, prompt and caption have together at most. */
  readonly length: number;
}

class EncoderDecoder implements LoadedModel<"image-to-text"> {
  readonly #library: Library;
  readonly #model: Model;
  readonly #input: PictureInput;
  readonly #tokenizer: TextTokenizer;
  readonly #settings: CaptionSettings;

  constructor(
    library: Library,
    model: Model,
    input: PictureInput,
    tokenizer: TextTokenizer,
    settings: CaptionSettings,
  ) {
    this.#library = library;
    this.#model = model;
    this.#input = input;
    this.#tokenizer = tokenizer;
    this.#settings = settings;
  }

  async run(
    { prompt }: PipelineRequest<"image-to-text">,
    context: RunContext,
  ): Promise<PipelineRunnerResponse<"image-to-text">> {
    const { Tensor } = this.#library;
    const { begin, length } = this.#settings;
    const begun = this.#tokenizer.encode(prompt);
    const room = length - 1 - begun.length;
    if (room < 1) throw rejected(`prompt: ${begun.length} tokens leave no room in a caption of ${length - 1}`);
    const picture = await givenPicture(context);
    await turn(context.signal);
    const ids = [begin, ...begun];
    const made = await this.#model.generate({
      pixel_values: new Tensor("float32", this.#input.planes(picture), [...this.#input.dims]),
      decoder_input_ids: new Tensor("int64", BigInt64Array.from(ids, BigInt), [1, ids.length]),
      max_length: length,
      num_beams: 1,
      do_sample: false,
      logits_processor: this.#watching(context, room),
    });
    if (!(made instanceof Tensor)) throw new RangeError("the model gave no tokens");
    const tokens = Array.from(made.data as BigInt64Array, Number);
    return { text: this.#tokenizer.decode(tokens.slice(1)) };
  }

  async dispose(): Promise<void> {
    await this.#model.dispose();
  }

  /** Looks at the signal and at the numbers before each token; changes nothing. */
  #watching({ signal, onProgress }: RunContext, room: number) {
    const { LogitsProcessor, LogitsProcessorList } = this.#library;
    let step = 0;
    const watcher = new (class extends LogitsProcessor {
      override _call(_ids: bigint[][], logits: InstanceType<Library["Tensor"]>) {
        signal.throwIfAborted();
        refuseNonFinite(
          (logits.data as Float32Array).reduce((sum, value) => sum + value, 0),
          "caption",
        );
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
