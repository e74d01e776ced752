import { join } from "node:path";
import type { PipelineRequest, PipelineRunnerResponse } from "@rivulet/pipelines";
import { turn } from "../diffusion/denoise.ts";
import { bilinear } from "../diffusion/resample.ts";
import type { LoadContext, LoadedModel, RunContext } from "../implementation.ts";
import { ModelSettings } from "../model-settings.ts";
import { givenPicture } from "../pipelines/given-picture.ts";
import { rejected } from "../rejected.ts";
import { loadTextTokenizer, type TextTokenizer } from "../tokenizers/text-tokenizer.ts";
import { PictureInput } from "../vision/picture-input.ts";
import { LibraryModel } from "./library-model.ts";

/** The two graphs of the layout. Source: runner-and-models 7.3.1. */
export const ENCODER_DECODER_FILES = {
  encoder: "onnx/encoder_model.onnx",
  decoder: "onnx/decoder_model_merged.onnx",
} as const;

/** Of ViT-GPT2. Source: runner-and-models 7.12. */
const DEFAULTS = { side: 224, length: 16, begin: 50_256 } as const;
const HALVES = { mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] } as const;

/** Loads a vision encoder with a language model behind it, such as ViT-GPT2. Throws `RangeError` for files of another kind. */
export async function loadEncoderDecoder(context: LoadContext): Promise<LoadedModel<"image-to-text">> {
  const { directory } = context;
  const settings = await ModelSettings.read(join(directory, "config.json"));
  settings.choice("model_type", ["vision-encoder-decoder"], "vision-encoder-decoder");
  const generation = await ModelSettings.read(join(directory, "generation_config.json"));
  const tokenizer = await loadTextTokenizer(directory);
  const input = await PictureInput.read(directory, { side: DEFAULTS.side, kernel: bilinear, ...HALVES });
  const model = await LibraryModel.load(context, "VisionEncoderDecoderModel", Object.values(ENCODER_DECODER_FILES));
  return new EncoderDecoder(model, input, tokenizer, {
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
  readonly #model: LibraryModel;
  readonly #input: PictureInput;
  readonly #tokenizer: TextTokenizer;
  readonly #settings: CaptionSettings;

  constructor(model: LibraryModel, input: PictureInput, tokenizer: TextTokenizer, settings: CaptionSettings) {
    this.#model = model;
    this.#input = input;
    this.#tokenizer = tokenizer;
    this.#settings = settings;
  }

  async run(
    { prompt }: PipelineRequest<"image-to-text">,
    context: RunContext,
  ): Promise<PipelineRunnerResponse<"image-to-text">> {
    const { begin, length } = this.#settings;
    const ids = [begin, ...this.#tokenizer.encode(prompt)];
    if (ids.length >= length)
      throw rejected("prompt", `${ids.length - 1} tokens leave no room in a caption of ${length - 1}`);
    const picture = await givenPicture(context);
    await turn(context.signal);
    const inputs = { pixel_values: this.#model.floats(this.#input.planes(picture), this.#input.dims) };
    const tokens = await this.#model.generate({ ids, length, inputs }, context);
    return { text: this.#tokenizer.decode(tokens.slice(1)) };
  }

  dispose(): Promise<void> {
    return this.#model.dispose();
  }
}
