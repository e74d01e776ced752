import type { Graph } from "../backend.ts";
import type { Predict } from "../diffusion/denoiser.ts";
import { guided } from "../diffusion/guidance.ts";
import { LatentGraph } from "../diffusion/latent-graph.ts";
import type { LatentSize } from "../diffusion/latent-size.ts";
import { timestepFeed } from "../diffusion/timestep.ts";
import { allowInputs, feed, fixedSides, getInput, rowsPerRun } from "../graphs/ports.ts";
import type { ModelSettings } from "../model-settings.ts";

/** What a film is made of: everything that stays the same from step to step. */
export interface FilmWish {
  readonly size: LatentSize;
  /** What the picture shows, from the image encoder. */
  readonly embedding: Float32Array;
  /** The picture's latents, before the model's eyes at every frame. */
  readonly image: Float32Array;
  /** Frame rate less one, amount of motion, noise on the picture: what the model was told in training. */
  readonly conditions: readonly [rate: number, motion: number, noise: number];
}

const SAMPLE = "sample";
const TIMESTEP = "timestep";
const STATES = "encoder_hidden_states";
const CONDITIONS = "added_time_ids";

/** From the first frame, which the picture shows, to the last, which may be far from it. Source: runner-and-models 7.16. */
const GUIDANCE = { first: 1, last: 3 } as const;

/** A denoising model that works on all frames of a film at once (Stable Video Diffusion). */
export class FilmDenoiser {
  readonly #graph: Graph;
  readonly #latents: LatentGraph;
  readonly frames: number;
  /** Of the noisy latents of a frame. */
  readonly channels: number;

  /** Throws `RangeError` for a model that is not of this family. */
  constructor(graph: Graph, config: ModelSettings) {
    allowInputs(graph, [SAMPLE, TIMESTEP, STATES, CONDITIONS]);
    for (const name of [TIMESTEP, STATES, CONDITIONS]) getInput(graph, name);
    const { dims } = getInput(graph, SAMPLE);
    if (dims.length !== 5) throw new RangeError(`${graph.file} works on pictures, not on films`);
    const [, frames, seen] = dims;
    this.#graph = graph;
    this.#latents = new LatentGraph(graph, SAMPLE, config);
    this.frames = typeof frames === "number" ? frames : config.number("num_frames", DEFAULT_FRAMES);
    this.channels = config.number("out_channels", DEFAULT_CHANNELS);
    if (typeof seen === "number" && seen !== 2 * this.channels)
      throw new RangeError(`${graph.file} sees ${seen} channels, where noisy and clean ones are ${2 * this.channels}`);
  }

  /** The one latent size the file was exported for; `undefined` when it takes any. */
  get fixedSize(): { readonly height: number; readonly width: number } | undefined {
    return fixedSides(getInput(this.#graph, SAMPLE));
  }

  /** Two answers a step, without and with the picture, in one run where the file takes both at once. */
  prepare(wish: FilmWish): Predict {
    const port = getInput(this.#graph, SAMPLE);
    const timestepPort = getInput(this.#graph, TIMESTEP);
    const { height, width } = wish.size;
    const questions = [false, true];
    const runs = rowsPerRun(port) < questions.length ? questions.map((question) => [question]) : [questions];
    const constant = runs.map((rows) => this.#constantFeeds(rows, wish));
    return async (latents, timestep) => {
      const answers: Float32Array[] = [];
      for (const [index, rows] of runs.entries()) {
        const seen = this.#seen(latents, rows, wish);
        const feeds = {
          ...constant[index],
          [TIMESTEP]: timestepFeed(timestepPort, timestep, rows.length),
        };
        const dims = [rows.length, this.frames, 2 * this.channels, height, width];
        const data = await this.#latents.run({ data: seen, dims }, feeds);
        for (let row = 0; row < rows.length; row++)
          answers.push(data.subarray(row * latents.length, (row + 1) * latents.length));
      }
      return this.#combined(answers);
    };
  }

  /** For each row and frame the noisy latents and, behind them, those of the picture; zeros where it is not shown. */
  #seen(latents: Float32Array, rows: readonly boolean[], { image }: FilmWish): Float32Array {
    const frame = image.length;
    const all = new Float32Array(rows.length * 2 * latents.length);
    for (const [row, isShown] of rows.entries())
      for (let f = 0; f < this.frames; f++) {
        const at = 2 * frame * (row * this.frames + f);
        all.set(latents.subarray(f * frame, (f + 1) * frame), at);
        if (isShown) all.set(image, at + frame);
      }
    return all;
  }

  #constantFeeds(rows: readonly boolean[], { embedding, conditions }: FilmWish) {
    const width = embedding.length;
    const states = new Float32Array(rows.length * width);
    for (const [row, isShown] of rows.entries()) if (isShown) states.set(embedding, row * width);
    return {
      [STATES]: feed(getInput(this.#graph, STATES), states, [rows.length, 1, width]),
      [CONDITIONS]: feed(
        getInput(this.#graph, CONDITIONS),
        rows.flatMap(() => conditions),
        [rows.length, conditions.length],
      ),
    };
  }

  /** Later frames are taken further from the answer without the picture. */
  #combined([without, shown]: readonly Float32Array[]): Float32Array {
    if (without === undefined || shown === undefined) throw new RangeError("the model gave no answer");
    const film = new Float32Array(shown.length);
    const frame = film.length / this.frames;
    const last = Math.max(this.frames - 1, 1);
    for (let f = 0; f < this.frames; f++) {
      const scale = GUIDANCE.first + ((GUIDANCE.last - GUIDANCE.first) * f) / last;
      const [from, to] = [f * frame, (f + 1) * frame];
      film.set(guided(without.subarray(from, to), shown.subarray(from, to), scale), from);
    }
    return film;
  }
}

/** Of every published model. */
const DEFAULT_CHANNELS = 4;
const DEFAULT_FRAMES = 25;
