import type { Rgb8 } from "@rivulet/media";
import type { Graph } from "../backend.ts";
import { runForFloats } from "../graphs/outputs.ts";
import { allowInputs, feed, getInput, outputName } from "../graphs/ports.ts";
import type { ModelSettings } from "../model-settings.ts";
import { CLIP } from "../vision/picture-input.ts";
import { clipView, type Normalization } from "./clip-view.ts";

const PIXELS = "pixel_values";

/** Of files that leave it open; every published model was trained with it. */
const DEFAULT_SIDE = 224;

/** What a picture shows, as one vector. */
export class ImageEncoder {
  readonly #graph: Graph;
  readonly #output: string;
  readonly #side: number;
  readonly #normalization: Normalization;

  constructor(graph: Graph, preprocessing: ModelSettings) {
    allowInputs(graph, [PIXELS]);
    const [, , side] = getInput(graph, PIXELS).dims;
    this.#graph = graph;
    this.#output = outputName(graph, "image_embeds");
    this.#side = typeof side === "number" ? side : DEFAULT_SIDE;
    this.#normalization = {
      mean: preprocessing.findNumbers("image_mean") ?? CLIP.mean,
      deviation: preprocessing.findNumbers("image_std") ?? CLIP.deviation,
    };
  }

  async encode(picture: Rgb8): Promise<Float32Array> {
    const side = this.#side;
    const pixels = clipView(picture, side, this.#normalization);
    const feeds = { [PIXELS]: feed(getInput(this.#graph, PIXELS), pixels, [1, 3, side, side]) };
    return (await runForFloats(this.#graph, feeds, this.#output)).data;
  }
}
