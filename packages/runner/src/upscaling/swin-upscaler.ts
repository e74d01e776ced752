import { existsSync } from "node:fs";
import { join } from "node:path";
import { encodePng, type Rgb8, toDataUrl } from "@rivulet/media";
import type { PipelineRequest, PipelineRunnerResponse } from "@rivulet/pipelines";
import type { BackendFactory, Graph } from "../backend.ts";
import { refuseNonFinite } from "../graphs/finite.ts";
import { type Graphs, modelOf } from "../graphs/graph-files.ts";
import { runForFloats } from "../graphs/outputs.ts";
import { feed, getInput, outputName } from "../graphs/ports.ts";
import type { LoadContext, LoadedModel, RunContext } from "../implementation.ts";
import { ModelSettings } from "../model-settings.ts";
import { givenPicture } from "../pipelines/given-picture.ts";
import type { Tensor } from "../tensor.ts";
import { turn } from "../turn.ts";
import type { Rectangle } from "../vision/planes.ts";
import { madeInTiles } from "./tiles.ts";

const PIXELS = "pixel_values";
/** Where exports put the graph of a model that has only one. Source: runner-and-models 7.3.1. */
const FILES = ["onnx/model.onnx", "model.onnx"] as const;

/** Loads a Swin2SR model. Throws `RangeError` for a directory without one. */
export async function loadSwinUpscaler(backend: BackendFactory, context: LoadContext): Promise<LoadedModel<"upscale">> {
  const { directory } = context;
  const upscaler = FILES.find((name) => existsSync(join(directory, name)));
  if (upscaler === undefined) throw new RangeError(`the model has neither model_index.json nor ${FILES.join(" nor ")}`);
  const settings = await ModelSettings.read(join(directory, "config.json"));
  settings.choice("model_type", ["swin2sr"], "swin2sr");
  const factor = settings.number("upscale", DEFAULT_FACTOR);
  const window = settings.number("window_size", WINDOW);
  return modelOf(backend, context, { upscaler }, (graphs) => new SwinUpscaler(graphs, factor, window));
}

const DEFAULT_FACTOR = 4;
const WINDOW = 8;

/** A transformer that makes a picture larger in one go. Prompt, steps and seed change nothing. */
class SwinUpscaler implements LoadedModel<"upscale"> {
  readonly #graphs: Graphs<"upscaler">;
  readonly #graph: Graph;
  readonly #factor: number;
  readonly #window: number;
  readonly #output: string;

  constructor(graphs: Graphs<"upscaler">, factor: number, window: number) {
    const graph = graphs.get("upscaler");
    getInput(graph, PIXELS);
    this.#graphs = graphs;
    this.#graph = graph;
    this.#factor = factor;
    this.#window = window;
    this.#output = outputName(graph, "reconstruction");
  }

  async run(request: PipelineRequest<"upscale">, context: RunContext): Promise<PipelineRunnerResponse<"upscale">> {
    const picture = await givenPicture(context);
    const made = await madeInTiles(picture, this.#factor, this.#window, async (tile) => {
      await turn(context.signal);
      return this.#enlarged(picture, tile);
    });
    context.signal.throwIfAborted();
    const seed = request.seed ?? 0;
    return { images: [{ url: toDataUrl("image/png", await encodePng(made)), seed, nsfw: false }] };
  }

  async dispose(): Promise<void> {
    await this.#graphs[Symbol.asyncDispose]();
  }

  /** A part of a picture, made from what lies there and, as far as it goes, up to a window to the right and below. */
  async #enlarged(picture: Rgb8, tile: Rectangle): Promise<Rgb8> {
    const seen = { ...tile, width: this.#beyond(tile.width), height: this.#beyond(tile.height) };
    const planes = mirrored(picture, seen);
    const feeds = { [PIXELS]: feed(getInput(this.#graph, PIXELS), planes, [1, 3, seen.height, seen.width]) };
    const made = await runForFloats(this.#graph, feeds, this.#output);
    return topLeft(made, tile.width * this.#factor, tile.height * this.#factor);
  }

  /** The next whole window; a whole one is added even where none is missing, as the reference does. */
  #beyond(side: number): number {
    return (Math.floor(side / this.#window) + 1) * this.#window;
  }
}

/** A part of a picture as planes of 0 to 1. To the right and below, the picture is continued by its own mirror image. */
function mirrored({ data, width, height }: Rgb8, { left, top, width: wide, height: high }: Rectangle): Float32Array {
  const planes = new Float32Array(3 * wide * high);
  const columns = Uint32Array.from({ length: wide }, (_, x) => 3 * mirror(left + x, width));
  for (let y = 0; y < high; y++) {
    const row = 3 * width * mirror(top + y, height);
    for (let c = 0; c < 3; c++) {
      const plane = (c * high + y) * wide;
      for (let x = 0; x < wide; x++) planes[plane + x] = (data[row + (columns[x] ?? 0) + c] ?? 0) / 255;
    }
  }
  return planes;
}

/** Where a position beyond the end is read from: …, n−2, n−1, n−1, n−2, … */
function mirror(position: number, length: number): number {
  const folded = position % (2 * length);
  return folded < length ? folded : 2 * length - 1 - folded;
}

/** The top left of planes of 0 to 1, as bytes, halves rounded to even. Throws `RangeError` when there is not as much. */
function topLeft({ dims, data }: Tensor<"float32">, width: number, height: number): Rgb8 {
  const [, , high = 0, wide = 0] = dims;
  if (wide < width || high < height) throw new RangeError(`the model made ${wide} × ${high} of ${width} × ${height}`);
  refuseNonFinite(data, "pixels");
  const pixels = new Uint8ClampedArray(3 * width * height);
  for (let c = 0; c < 3; c++)
    for (let y = 0; y < height; y++) {
      const from = (c * high + y) * wide;
      const to = 3 * y * width + c;
      for (let x = 0; x < width; x++) pixels[to + 3 * x] = Math.fround((data[from + x] ?? 0) * 255);
    }
  return { width, height, data: new Uint8Array(pixels.buffer) };
}
