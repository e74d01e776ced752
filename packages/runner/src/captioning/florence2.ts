import { join } from "node:path";
import type { PipelineRequest, PipelineRunnerResponse } from "@rivulet/pipelines";
import type { BackendFactory, Graph, Tensors } from "../backend.ts";
import { TokenReader } from "../generation/token-reader.ts";
import { type Graphs, modelOf } from "../graphs/graph-files.ts";
import { runForFloats } from "../graphs/outputs.ts";
import { feed, findInput, getInput } from "../graphs/ports.ts";
import type { LoadContext, LoadedModel, RunContext } from "../implementation.ts";
import { ModelSettings, readJson } from "../model-settings.ts";
import { givenPicture } from "../pipelines/given-picture.ts";
import { rejected } from "../rejected.ts";
import { loadTextTokenizer, type TextTokenizer } from "../tokenizers/text-tokenizer.ts";
import { turn } from "../turn.ts";
import { IMAGENET, PictureInput } from "../vision/picture-input.ts";
import { bicubic } from "../vision/resample.ts";
import { type CaptionRules, captionRules, writtenCaption } from "./writing.ts";

/** The four graphs of the layout. Source: runner-and-models 7.3.1. */
export const FLORENCE2_FILES = {
  words: "onnx/embed_tokens.onnx",
  vision: "onnx/vision_encoder.onnx",
  encoder: "onnx/encoder_model.onnx",
  decoder: "onnx/decoder_model_merged.onnx",
} as const;

const PIXELS = "pixel_values";
const FEATURES = "image_features";
const IDS = "input_ids";
const VECTORS = "inputs_embeds";
const MASK = "attention_mask";
const STATES = "last_hidden_state";
const SEEN = "encoder_hidden_states";
/** Which of the encoder's states count: all of them. Some files have no such input. */
const SEEN_MASK = "encoder_attention_mask";

/** Of the published models. A paragraph has some hundred tokens. Source: runner-and-models 7.12. */
const DEFAULTS = { side: 768, length: 256, start: 2, begin: 0, end: 2 } as const;
/** What a request without a task is for. */
const CAPTION = "<CAPTION>";
/** Tasks that every model of the family knows, and how it is asked to do them. */
const TASKS: Readonly<Record<string, string>> = {
  [CAPTION]: "What does the image describe?",
  "<DETAILED_CAPTION>": "Describe in detail what is shown in the image.",
  "<MORE_DETAILED_CAPTION>": "Describe with a paragraph what is shown in the image.",
};

/** Loads a Florence-2 model. Throws `RangeError` for files of another kind. */
export async function loadFlorence2(
  backend: BackendFactory,
  context: LoadContext,
): Promise<LoadedModel<"image-to-text">> {
  const { directory } = context;
  const settings = await ModelSettings.read(join(directory, "config.json"));
  settings.choice("model_type", ["florence2"], "florence2");
  const generation = await ModelSettings.read(join(directory, "generation_config.json"));
  const tokenizer = await loadTextTokenizer(directory);
  const input = await PictureInput.read(directory, { side: DEFAULTS.side, kernel: bicubic, ...IMAGENET });
  const { task_prompts_without_inputs: told } = (await readJson(join(directory, "preprocessor_config.json"))) ?? {};
  const captions = {
    tasks: tasksOf(typeof told === "object" && told !== null ? { ...TASKS, ...told } : TASKS),
    start: generation.number("decoder_start_token_id", DEFAULTS.start),
    begin: generation.number("bos_token_id", DEFAULTS.begin),
    rules: captionRules(generation, DEFAULTS),
  };
  return modelOf(backend, context, FLORENCE2_FILES, (graphs) => new Florence2(graphs, input, tokenizer, captions));
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
  readonly rules: CaptionRules;
}

/**
 * A model of many tasks. A prompt is the name of one, such as `<DETAILED_CAPTION>`, or else the beginning of a caption,
 * which is left out when the model has nothing to add to it. Source: runner-and-models 7.12.
 */
class Florence2 implements LoadedModel<"image-to-text"> {
  readonly #graphs: Graphs<keyof typeof FLORENCE2_FILES>;
  readonly #decoder: Graph;
  readonly #reader: TokenReader;
  readonly #input: PictureInput;
  readonly #tokenizer: TextTokenizer;
  readonly #settings: CaptionSettings;

  constructor(
    graphs: Graphs<keyof typeof FLORENCE2_FILES>,
    input: PictureInput,
    tokenizer: TextTokenizer,
    settings: CaptionSettings,
  ) {
    getInput(graphs.get("vision"), PIXELS);
    getInput(graphs.get("encoder"), VECTORS);
    this.#graphs = graphs;
    this.#decoder = graphs.get("decoder");
    const given = findInput(this.#decoder, SEEN_MASK) === undefined ? [SEEN] : [SEEN, SEEN_MASK];
    this.#reader = new TokenReader(this.#decoder, { given, embedder: graphs.get("words") });
    this.#input = input;
    this.#tokenizer = tokenizer;
    this.#settings = settings;
  }

  async run(
    { prompt }: PipelineRequest<"image-to-text">,
    context: RunContext,
  ): Promise<PipelineRunnerResponse<"image-to-text">> {
    const { start, begin, rules, tasks } = this.#settings;
    const isTask = prompt.startsWith("<");
    const task = tasks.get(isTask ? prompt.trim() : CAPTION);
    if (task === undefined) throw rejected("prompt", `the tasks of this model are ${[...tasks.keys()].join(", ")}`);
    const begun = isTask ? [] : this.#tokenizer.encode(prompt);
    const ids = begun.length === 0 ? [start] : [start, begin, ...begun];
    if (ids.length >= rules.length)
      throw rejected("prompt", `${begun.length} tokens leave no room in a caption of ${rules.length - 2}`);
    const picture = await givenPicture(context);
    await turn(context.signal);
    const seen = await this.#look(this.#input.planes(picture), this.#tokenizer.encodeWhole(task));
    const caption = await writtenCaption(this.#reader.begin(seen), ids, rules, context);
    const text = this.#tokenizer.decode([...begun, ...caption]);
    if (begun.length === 0 || text !== this.#tokenizer.decode(begun)) return { text };
    return { text: this.#tokenizer.decode(await writtenCaption(this.#reader.begin(seen), [start], rules, context)) };
  }

  async dispose(): Promise<void> {
    await this.#graphs[Symbol.asyncDispose]();
  }

  /** What the decoder is told: the picture's features and then the task's words, after the encoder has read both. */
  async #look(planes: Float32Array, task: readonly number[]): Promise<Tensors> {
    const [vision, words, encoder] = [
      this.#graphs.get("vision"),
      this.#graphs.get("words"),
      this.#graphs.get("encoder"),
    ];
    const pixels = feed(getInput(vision, PIXELS), planes, this.#input.dims);
    const picture = await runForFloats(vision, { [PIXELS]: pixels }, FEATURES);
    const asked = await runForFloats(words, { [IDS]: feed(getInput(words, IDS), task, [1, task.length]) }, VECTORS);
    const [, patches = 0, width = 0] = picture.dims;
    const total = patches + task.length;
    const vectors = new Float32Array(total * width);
    vectors.set(picture.data);
    vectors.set(asked.data, picture.data.length);
    const mask = findInput(encoder, MASK);
    const states = await runForFloats(
      encoder,
      {
        [VECTORS]: feed(getInput(encoder, VECTORS), vectors, [1, total, width]),
        ...(mask !== undefined && { [MASK]: feed(mask, new Float32Array(total).fill(1), [1, total]) }),
      },
      STATES,
    );
    const counts = findInput(this.#decoder, SEEN_MASK);
    return {
      [SEEN]: feed(getInput(this.#decoder, SEEN), states.data, states.dims),
      ...(counts !== undefined && { [SEEN_MASK]: feed(counts, new Float32Array(total).fill(1), [1, total]) }),
    };
  }
}
