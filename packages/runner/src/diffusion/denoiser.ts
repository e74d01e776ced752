import type { Graph } from "../backend.ts";
import { allowInputs, feed, findInput, fixedSides, getInput, rowsPerRun } from "../graphs/ports.ts";
import type { ModelSettings } from "../model-settings.ts";
import { stack, type Tensor } from "../tensor.ts";
import { type Guidance, guidanceEmbedding, isGuided } from "./guidance.ts";
import { LatentGraph } from "./latent-graph.ts";
import type { LatentSize } from "./latent-size.ts";
import type { Conditioning } from "./text-conditioning.ts";
import { timestepFeed } from "./timestep.ts";

/** What the model is told beside the noisy latents. */
export interface Question {
  readonly text: Conditioning;
  /** Latents of a given picture, for models that see one at every step. */
  readonly image?: Float32Array;
}

/** What the model is asked to draw: everything that stays the same from step to step. */
export interface Wish {
  readonly size: LatentSize;
  /** Size of the finished picture in pixels. */
  readonly height: number;
  readonly width: number;
  readonly guidance: Guidance<Question>;
  /** The guidance scale, for models that read it as a number. */
  readonly scale: number;
  /** How much noise the given picture has, as a training step, for models that are told. */
  readonly imageNoise?: number;
}

/** The model's answer to a latent picture at a timestep. */
export type Predict = (sample: Float32Array, timestep: number) => Promise<Float32Array>;

const SAMPLE = "sample";
const TIMESTEP = "timestep";
const STATES = "encoder_hidden_states";
const POOLED = "text_embeds";
const TIME_IDS = "time_ids";
const GUIDANCE = "timestep_cond";
const IMAGE_NOISE = "class_labels";

/** A denoising model (UNet) of the Stable Diffusion family. */
export class Denoiser {
  readonly #graph: Graph;
  readonly #latents: LatentGraph;
  /** Of the noisy latents. */
  readonly channels: number;
  /** Of a given picture's latents, which the model sees beside the noisy ones; 0 for models that see none. */
  readonly imageChannels: number;

  /** Throws `RangeError` for a model that is not of this family. */
  constructor(graph: Graph, config: ModelSettings) {
    allowInputs(graph, [SAMPLE, TIMESTEP, STATES, POOLED, TIME_IDS, GUIDANCE, IMAGE_NOISE]);
    for (const name of [SAMPLE, TIMESTEP, STATES]) getInput(graph, name);
    this.#graph = graph;
    const [, channels] = getInput(graph, SAMPLE).dims;
    const seen = config.number("in_channels", typeof channels === "number" ? channels : DEFAULT_CHANNELS);
    this.channels = config.number("out_channels", seen);
    this.imageChannels = seen - this.channels;
    this.#latents = new LatentGraph(graph, SAMPLE, config);
  }

  /** Whether guidance is an input of the model instead of a second run. */
  get embedsGuidance(): boolean {
    return findInput(this.#graph, GUIDANCE) !== undefined;
  }

  /** Whether the model reads a whole-text vector and the picture's size beside the tokens. */
  get readsPooledText(): boolean {
    return findInput(this.#graph, POOLED) !== undefined;
  }

  /** The one latent size the file was exported for; `undefined` when it takes any. */
  get fixedSize(): { readonly height: number; readonly width: number } | undefined {
    return fixedSides(getInput(this.#graph, SAMPLE));
  }

  /** Whether a wish needs a second answer without its prompt. */
  needsNegative(guidance: number): boolean {
    return isGuided(guidance) && !this.embedsGuidance;
  }

  /** Prepares everything that is the same at every step. One run a step where the file takes all questions at once. */
  prepare(wish: Wish): Predict {
    const sample = getInput(this.#graph, SAMPLE);
    const timestepPort = getInput(this.#graph, TIMESTEP);
    const { channels, height, width } = wish.size;
    const { questions, combine } = wish.guidance;
    const runs = rowsPerRun(sample) < questions.length ? questions.map((question) => [question]) : [questions];
    const constant = runs.map((run) => this.#constantFeeds(run, wish));
    const size = channels * height * width;
    return async (latents, timestep) => {
      const answers: Float32Array[] = [];
      for (const [index, run] of runs.entries()) {
        const input = this.#seen(latents, run, height * width);
        const feeds = {
          ...constant[index],
          [TIMESTEP]: timestepFeed(timestepPort, timestep, run.length),
        };
        const dims = [run.length, channels + this.imageChannels, height, width];
        const data = await this.#latents.run({ data: input, dims }, feeds);
        for (let row = 0; row < run.length; row++) answers.push(data.subarray(row * size, (row + 1) * size));
      }
      return combine(answers);
    };
  }

  /** For each question the noisy latents and, behind them, those of its picture; zeros where it has none. */
  #seen(latents: Float32Array, questions: readonly Question[], area: number): Float32Array {
    const rowSize = latents.length + this.imageChannels * area;
    const all = new Float32Array(questions.length * rowSize);
    for (const [row, { image }] of questions.entries()) {
      all.set(latents, row * rowSize);
      if (image !== undefined) all.set(image, row * rowSize + latents.length);
    }
    return all;
  }

  #constantFeeds(
    questions: readonly Question[],
    { height, width, scale, imageNoise = 0 }: Wish,
  ): Record<string, Tensor> {
    const rows = questions.map(({ text }) => text);
    const feeds: Record<string, Tensor> = {};
    const put = (name: string, values: () => Float32Array | readonly number[], dims: readonly number[]) => {
      const port = findInput(this.#graph, name);
      if (port !== undefined) feeds[name] = feed(port, values(), dims);
    };
    const states = stack(rows.map((row) => row.states));
    put(STATES, () => states.data, states.dims);
    if (this.readsPooledText) {
      const pooled = stack(rows.map((row) => getPooled(row)));
      put(POOLED, () => pooled.data, pooled.dims);
    }
    // Original size, top left corner of the crop, target size. Source: runner-and-models 7.5.4.
    put(TIME_IDS, () => rows.flatMap(() => [height, width, 0, 0, height, width]), [rows.length, 6]);
    put(IMAGE_NOISE, () => rows.map(() => imageNoise), [rows.length]);
    const embeddingWidth = this.#guidanceWidth();
    put(GUIDANCE, () => guidanceEmbedding(scale, embeddingWidth), [1, embeddingWidth]);
    return feeds;
  }

  #guidanceWidth(): number {
    const width = findInput(this.#graph, GUIDANCE)?.dims[1];
    return typeof width === "number" ? width : DEFAULT_GUIDANCE_WIDTH;
  }
}

/** Of every published family. */
const DEFAULT_CHANNELS = 4;
const DEFAULT_GUIDANCE_WIDTH = 256;

function getPooled({ pooled }: Conditioning): Tensor<"float32"> {
  if (pooled === undefined) throw new RangeError("the text encoders give no text_embeds, which the model needs");
  return pooled;
}
