import { existsSync } from "node:fs";
import { join } from "node:path";
import { encodePng, type Rgb8, toDataUrl } from "@rivulet/media";
import type { PipelineRequest, PipelineRunnerResponse } from "@rivulet/pipelines";
import type { Graph } from "../backend.ts";
import { refuseNonFinite } from "../diffusion/decoder.ts";
import { turn } from "../diffusion/denoise.ts";
import type { BackendFactory } from "../diffusion/picture-maker.ts";
import { feed, getInput, outputName, runForFloats } from "../diffusion/ports.ts";
import type { LoadContext, LoadedModel, RunContext } from "../implementation.ts";
import { ModelSettings } from "../model-settings.ts";
import { givenPicture } from "../pipelines/given-picture.ts";

const PIXELS = "pixel_values";
/** Where exports put the graph of a model that has only one. Source: runner-and-models 7.3.1. */
const FILES = ["onnx/model.onnx", "model.onnx"] as const;

/** Loads a Swin2SR model. Throws `RangeError` for a directory without one. */
export async function loadSwinUpscaler(
  backend: BackendFactory,
  { directory, threads, engine = {}, log, onProgress }: LoadContext,
): Promise<LoadedModel<"upscale">> {
  const file = FILES.find((name) => existsSync(join(directory, name)));
  if (file === undefined) throw new RangeError(`the model has neither model_index.json nor ${FILES.join(" nor ")}`);
  const settings = await ModelSettings.read(join(directory, "config.json"));
  settings.choice("model_type", ["swin2sr"], "swin2sr");
  const progress = { kind: "loading", stage: file, total: 1 } as const;
  onProgress({ ...progress, loaded: 0 });
  const graph = await backend({ providers: engine.providers ?? [], log }).open(join(directory, file), { threads });
  onProgress({ ...progress, loaded: 1 });
  return new SwinUpscaler(graph, settings.number("upscale", DEFAULT_FACTOR), settings.number("window_size", WINDOW));
}

const DEFAULT_FACTOR = 4;
const WINDOW = 8;

/** A transformer that makes a picture larger in one go. Prompt, steps and seed change nothing. */
class SwinUpscaler implements LoadedModel<"upscale"> {
  readonly #graph: Graph;
  readonly #factor: number;
  readonly #window: number;
  readonly #output: string;

  constructor(graph: Graph, factor: number, window: number) {
    getInput(graph, PIXELS);
    this.#graph = graph;
    this.#factor = factor;
    this.#window = window;
    this.#output = outputName(graph, "reconstruction");
  }

  async run(request: PipelineRequest<"upscale">, context: RunContext): Promise<PipelineRunnerResponse<"upscale">> {
    const picture = await givenPicture(context);
    await turn(context.signal);
    const { planes, width, height } = mirrored(picture, this.#window);
    const feeds = { [PIXELS]: feed(getInput(this.#graph, PIXELS), planes, [1, 3, height, width]) };
    const { data, dims } = await runForFloats(this.#graph, feeds, this.#output);
    context.signal.throwIfAborted();
    const made = cut(data, dims[3] ?? 0, dims[2] ?? 0, picture.width * this.#factor, picture.height * this.#factor);
    const seed = request.seed ?? 0;
    return { images: [{ url: toDataUrl("image/png", await encodePng(made)), seed, nsfw: false }] };
  }

  async dispose(): Promise<void> {
    await this.#graph.close();
  }
}

interface Planes {
  readonly planes: Float32Array;
  readonly width: number;
  readonly height: number;
}

/**
 * Planes of 0 to 1, continued to the right and below by their own mirror image up to the next whole window; a whole one
 * is added even where none is missing, as the reference does.
 */
function mirrored({ data, width, height }: Rgb8, window: number): Planes {
  const [wide, high] = [width, height].map((side) => (Math.floor(side / window) + 1) * window) as [number, number];
  const planes = new Float32Array(3 * wide * high);
  for (let y = 0; y < high; y++) {
    const row = mirror(y, height);
    for (let x = 0; x < wide; x++) {
      const from = 3 * (row * width + mirror(x, width));
      for (let c = 0; c < 3; c++) planes[(c * high + y) * wide + x] = (data[from + c] ?? 0) / 255;
    }
  }
  return { planes, width: wide, height: high };
}

/** Where a position beyond the end is read from: …, n−2, n−1, n−1, n−2, … */
function mirror(position: number, length: number): number {
  const folded = position % (2 * length);
  return folded < length ? folded : 2 * length - 1 - folded;
}

/** The top left of planes of 0 to 1, as bytes, halves rounded to even. */
function cut(planes: Float32Array, wide: number, high: number, width: number, height: number): Rgb8 {
  const data = new Uint8ClampedArray(3 * width * height);
  let sum = 0;
  for (let c = 0; c < 3; c++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const value = planes[(c * high + y) * wide + x] ?? Number.NaN;
        sum += value;
        data[3 * (y * width + x) + c] = Math.fround(value * 255);
      }
  refuseNonFinite(sum, "pixels");
  return { width, height, data: new Uint8Array(data.buffer) };
}
