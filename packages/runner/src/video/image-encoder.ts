import type { Rgb8 } from "@rivulet/media";
import type { Graph } from "../backend.ts";
import { allowInputs, feed, getInput, outputName, runForFloats } from "../diffusion/ports.ts";
import type { ModelSettings } from "../model-settings.ts";
import { clipView, type Normalization } from "./clip-view.ts";

const PIXELS = "pixel_values";

/** Of files that leave it open; every published model was trained with it. */
const DEFAULT_SIDE = 224;
const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073] as const;
const CLIP_DEVIATION = [0.26862954, 0.26130258, 0.27577711] as const;

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
      mean: preprocessing.findNumbers("image_mean") ?? CLIP_MEAN,
      deviation: preprocessing.findNumbers("image_std") ?? CLIP_DEVIATION,
    };
  }

  async encode(picture: Rgb8): Promise<Float32Array> {
    const side = this.#side;
    const pixels = clipView(picture, side, this.#normalization);
    const feeds = { [PIXELS]: feed(getInput(this.#graph, PIXELS), pixels, [1, 3, side, side]) };
    return (await runForFloats(this.#graph, feeds, this.#output)).data;
  }
}
