import { join } from "node:path";
import type { PipelineRequest, PipelineRunnerResponse } from "@rivulet/pipelines";
import { turn } from "../diffusion/denoise.ts";
import { bicubic } from "../diffusion/resample.ts";
import type { LoadContext, LoadedModel, RunContext } from "../implementation.ts";
import { ModelSettings, readJson } from "../model-settings.ts";
import { givenPicture } from "../pipelines/given-picture.ts";
import { rejected } from "../rejected.ts";
import { loadTextTokenizer, type TextTokenizer } from "../tokenizers/text-tokenizer.ts";
import { IMAGENET, PictureInput } from "../vision/picture-input.ts";
import { LibraryModel } from "./library-model.ts";

/** The four graphs of the layout. Source: runner-and-models 7.3.1. */
export const FLORENCE2_FILES = {
  words: "onnx/embed_tokens.onnx",
  vision: "onnx/vision_encoder.onnx",
  encoder: "onnx/encoder_model.onnx",
  decoder: "onnx/decoder_model_merged.onnx",
} as const;

/** Of the published models. A paragraph has some hundred tokens. Source: runner-and-models 7.12. */
const DEFAULTS = { side: 768, length: 256, start: 2, begin: 0 } as const;
/** What a request without a task is for. */
const CAPTION = "<CAPTION>";
/** Tasks that every model of the family knows, and how it is asked to do them. */
const TASKS: Readonly<Record<string, string>> = {
  [CAPTION]: "What does the image describe?",
  "<DETAILED_CAPTION>": "Describe in detail what is shown in the image.",
  "<MORE_DETAILED_CAPTION>": "Describe with a paragraph what is shown in the image.",
};

/** Loads a Florence-2 model. Throws `RangeError` for files of another kind. */
export async function loadFlorence2(context: LoadContext): Promise<LoadedModel<"image-to-text">> {
  const { directory } = context;
  const settings = await ModelSettings.read(join(directory, "config.json"));
  settings.choice("model_type", ["florence2"], "florence2");
  const generation = await ModelSettings.read(join(directory, "generation_config.json"));
  const tokenizer = await loadTextTokenizer(directory);
  const input = await PictureInput.read(directory, { side: DEFAULTS.side, kernel: bicubic, ...IMAGENET });
  const { task_prompts_without_inputs: told } = (await readJson(join(directory, "preprocessor_config.json"))) ?? {};
  const model = await LibraryModel.load(context, "Florence2ForConditionalGeneration", Object.values(FLORENCE2_FILES));
  return new Florence2(model, input, tokenizer, {
    tasks: tasksOf(typeof told === "object" && told !== null ? { ...TASKS, ...told } : TASKS),
    start: generation.number("decoder_start_token_id", DEFAULTS.start),
    begin: generation.number("bos_token_id", DEFAULTS.begin),
    length: generation.number("max_length", DEFAULTS.length),
  });
}

function tasksOf(values: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  const settings = new ModelSettings(values);
  return new Map(Object.keys(values).map((task) => [task, settings.text(task, "")]));
}

interface CaptionSettings {
  /** How the model is asked to do each task. */
  readonly tasks: ReadonlyMap<string, string>;
  /** The token the decoder reads first, and the one that texts begin with. */
  readonly start: number;
  readonly begin: number;
  /** Tokens that these, prompt and caption have together at most. */
  readonly length: number;
}

/**
 * A model of many tasks. A prompt is the name of one, such as `<DETAILED_CAPTION>`, or else the beginning of a caption,
 * which is left out when the model has nothing to add to it. Source: runner-and-models 7.12.
 */
class Florence2 implements LoadedModel<"image-to-text"> {
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
    const { start, begin, length, tasks } = this.#settings;
    const isTask = prompt.startsWith("<");
    const task = tasks.get(isTask ? prompt.trim() : CAPTION);
    if (task === undefined) throw rejected("prompt", `the tasks of this model are ${[...tasks.keys()].join(", ")}`);
    const begun = isTask ? [] : this.#tokenizer.encode(prompt);
    const ids = begun.length === 0 ? [start] : [start, begin, ...begun];
    if (ids.length >= length)
      throw rejected("prompt", `${begun.length} tokens leave no room in a caption of ${length - 2}`);
    const picture = await givenPicture(context);
    await turn(context.signal);
    const asked = this.#tokenizer.encodeWhole(task);
    const inputs = {
      pixel_values: this.#model.floats(this.#input.planes(picture), this.#input.dims),
      input_ids: this.#model.ids(asked),
      attention_mask: this.#model.ids(asked.map(() => 1)),
    };
    const text = await this.#text({ ids, length, inputs }, context);
    if (begun.length === 0 || text !== this.#tokenizer.decode(begun)) return { text };
    return { text: await this.#text({ ids: [start], length, inputs }, context) };
  }

  dispose(): Promise<void> {
    return this.#model.dispose();
  }

  async #text(...asked: Parameters<LibraryModel["generate"]>): Promise<string> {
    const tokens = await this.#model.generate(...asked);
    return this.#tokenizer.decode(tokens.slice(1));
  }
}
