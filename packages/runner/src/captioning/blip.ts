import { join } from "node:path";
import type { PipelineRequest, PipelineRunnerResponse } from "@rivulet/pipelines";
import type { Graph, Port } from "../backend.ts";
import { refuseNonFinite } from "../diffusion/decoder.ts";
import { turn } from "../diffusion/denoise.ts";
import type { BackendFactory } from "../diffusion/picture-maker.ts";
import { feed, getInput } from "../diffusion/ports.ts";
import { bicubic } from "../diffusion/resample.ts";
import { type Graphs, openGraphs } from "../graph-files.ts";
import type { LoadContext, LoadedModel, RunContext } from "../implementation.ts";
import { likeliest } from "../language/sampling.ts";
import { getJson, ModelSettings } from "../model-settings.ts";
import { givenPicture } from "../pipelines/given-picture.ts";
import { rejected } from "../rejected.ts";
import { floatsOf, type Tensor, tensorOf } from "../tensor.ts";
import { loadTextTokenizer, type TextTokenizer } from "../tokenizers/text-tokenizer.ts";
import { CLIP, PictureInput } from "../vision/picture-input.ts";

/** The two graphs of the layout. `models/export/export_blip.py` writes it. */
export const BLIP_FILES = { vision: "onnx/vision_model.onnx", decoder: "onnx/text_decoder.onnx" } as const;

const PIXELS = "pixel_values";
const IDS = "input_ids";
const POSITIONS = "position_ids";
const PAST = "past_key_values.";
const PRESENT = "present.";
/** What the decoder sees of the picture: a key and a value a layer, made by the vision graph. */
const CROSS = "cross.";
const LOGITS = "logits";

/** Of the published models; the numbers of their files go before. Source: runner-and-models 7.12. */
const DEFAULTS = { side: 384, begin: 30522, end: 102, length: 20 } as const;

/** Loads a BLIP captioning model. Throws `RangeError` for files of another kind. */
export async function loadBlip(backend: BackendFactory, context: LoadContext): Promise<LoadedModel<"image-to-text">> {
  const { directory } = context;
  const settings = await captionSettings(directory);
  const tokenizer = await loadTextTokenizer(directory);
  const input = await PictureInput.read(directory, { side: DEFAULTS.side, kernel: bicubic, ...CLIP });
  const graphs = await openGraphs(backend, context, BLIP_FILES);
  try {
    return new Blip(graphs, input, tokenizer, settings);
  } catch (error) {
    await graphs[Symbol.asyncDispose]();
    throw error;
  }
}

interface CaptionSettings {
  /** The token that every caption begins with, and the one that ends it. */
  readonly begin: number;
  readonly end: number;
  /** Tokens that beginning, prompt and caption have together at most. */
  readonly length: number;
}

async function captionSettings(directory: string): Promise<CaptionSettings> {
  const config = await getJson(join(directory, "config.json"));
  new ModelSettings(config, "config.json").choice("model_type", ["blip"]);
  const { text_config: given } = config;
  const text = new ModelSettings(typeof given === "object" && given !== null ? { ...given } : {}, "config.json");
  const generation = await ModelSettings.read(join(directory, "generation_config.json"));
  return {
    begin: text.number("bos_token_id", DEFAULTS.begin),
    end: text.number("sep_token_id", DEFAULTS.end),
    length: generation.number("max_length", DEFAULTS.length),
  };
}

/** What the decoder has read, by input name. */
type Known = Readonly<Record<string, Tensor>>;

/**
 * A vision transformer and a decoder that looks at what it saw. The caption begins with the prompt and goes on with the
 * likeliest token each time. Source: runner-and-models 1.10, 7.12.
 */
class Blip implements LoadedModel<"image-to-text"> {
  readonly #graphs: Graphs<keyof typeof BLIP_FILES>;
  readonly #vision: Graph;
  readonly #decoder: Graph;
  readonly #input: PictureInput;
  readonly #tokenizer: TextTokenizer;
  readonly #settings: CaptionSettings;
  readonly #past: readonly Port[];
  readonly #cross: readonly string[];

  constructor(
    graphs: Graphs<keyof typeof BLIP_FILES>,
    input: PictureInput,
    tokenizer: TextTokenizer,
    settings: CaptionSettings,
  ) {
    const [vision, decoder] = [graphs.get("vision"), graphs.get("decoder")];
    getInput(vision, PIXELS);
    for (const name of [IDS, POSITIONS]) getInput(decoder, name);
    this.#graphs = graphs;
    this.#vision = vision;
    this.#decoder = decoder;
    this.#input = input;
    this.#tokenizer = tokenizer;
    this.#settings = settings;
    this.#past = decoder.inputs.filter(({ name }) => name.startsWith(PAST));
    this.#cross = decoder.inputs.map(({ name }) => name).filter((name) => name.startsWith(CROSS));
    for (const name of this.#cross)
      if (!vision.outputs.some((output) => output.name === name))
        throw new RangeError(`${vision.file} gives no ${name}`);
  }

  async run(
    { prompt }: PipelineRequest<"image-to-text">,
    context: RunContext,
  ): Promise<PipelineRunnerResponse<"image-to-text">> {
    const begun = this.#tokenizer.encode(prompt);
    const { begin, end, length } = this.#settings;
    const room = length - 1 - begun.length;
    if (room < 1) throw rejected("prompt", `${begun.length} tokens leave no room in a caption of ${length - 1}`);
    const picture = await givenPicture(context);
    await turn(context.signal);
    const seen = await this.#look(this.#input.planes(picture));
    const said = [...begun];
    let fresh: readonly number[] = [begin, ...begun];
    let known: Known = { ...seen, ...Object.fromEntries(this.#past.map((port) => [port.name, nothing(port)])) };
    for (let step = 1; step <= room; step++) {
      await turn(context.signal);
      const answer = await this.#read(fresh, 1 + said.length - fresh.length, known);
      const token = likeliest(answer.logits);
      context.onProgress({ kind: "step", image: 0, step, of: room });
      if (token === end) break;
      said.push(token);
      fresh = [token];
      known = { ...seen, ...answer.past };
    }
    return { text: this.#tokenizer.decode(said) };
  }

  async dispose(): Promise<void> {
    await this.#graphs[Symbol.asyncDispose]();
  }

  #look(planes: Float32Array): Promise<Known> {
    const pixels = feed(getInput(this.#vision, PIXELS), planes, this.#input.dims);
    return this.#vision.run({ [PIXELS]: pixels }, this.#cross);
  }

  /** Reads tokens that stand at `position` and after, and says how likely each token of the vocabulary is to come next. */
  async #read(
    ids: readonly number[],
    position: number,
    known: Known,
  ): Promise<{ readonly logits: Float32Array; readonly past: Known }> {
    const dims = [1, ids.length];
    const positions = ids.map((_, index) => position + index);
    const results = await this.#decoder.run({
      ...known,
      [IDS]: feed(getInput(this.#decoder, IDS), ids, dims),
      [POSITIONS]: feed(getInput(this.#decoder, POSITIONS), positions, dims),
    });
    const past = this.#past.map(({ name }) => [name, got(results, `${PRESENT}${name.slice(PAST.length)}`)] as const);
    const answer = got(results, LOGITS);
    const logits = floatsOf(answer).subarray(-(answer.dims.at(-1) ?? 0));
    refuseNonFinite(
      logits.reduce((sum, value) => sum + value, 0),
      "caption",
    );
    return { logits, past: Object.fromEntries(past) };
  }
}

function got(results: Known, name: string): Tensor {
  const found = results[name];
  if (found === undefined) throw new RangeError(`the model gave no ${name}`);
  return found;
}

/** No positions at all: [1, heads, 0, width]. */
function nothing({ name, type, dims: [, heads, , width] }: Port): Tensor {
  if (typeof heads !== "number" || typeof width !== "number")
    throw new RangeError(`the file does not say how many numbers ${name} has`);
  return tensorOf(type, [], [1, heads, 0, width]);
}
