import type { Rgb8 } from "@rivulet/media";
import type { Graph } from "../backend.ts";
import type { LatentSize } from "../diffusion/latent-size.ts";
import { factorOf } from "../diffusion/latent-size.ts";
import { pixelsOf } from "../diffusion/pixels.ts";
import { runForFloats } from "../graphs/outputs.ts";
import { allowInputs, feed, findInput, getInput, outputName } from "../graphs/ports.ts";
import type { ModelSettings } from "../model-settings.ts";
import { turn } from "../turn.ts";

const LATENT = "latent_sample";
const FRAMES = "num_frames";

/** Frames that are decoded together: the network's runners use four. Source: runner-and-models 1.5. */
const CHUNK = 4;

/** The half of an autoencoder that turns latent films into frames, looking at neighbouring ones. */
export class FilmDecoder {
  readonly #graph: Graph;
  readonly #output: string;
  readonly #scale: number;
  /** Pixels a side for each latent element. */
  readonly factor: number;

  constructor(graph: Graph, config: ModelSettings) {
    allowInputs(graph, [LATENT, FRAMES]);
    getInput(graph, LATENT);
    this.#graph = graph;
    this.#output = outputName(graph, "sample");
    this.#scale = config.number("scaling_factor", DEFAULT_SCALE);
    this.factor = factorOf(config);
  }

  /** As many frames at once as are decoded together, in order. Throws "runner.failed" when the numbers have overflowed. */
  async *decode(
    film: Float32Array,
    { channels, height, width }: LatentSize,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Rgb8[]> {
    const size = channels * height * width;
    const [latents, count] = [getInput(this.#graph, LATENT), findInput(this.#graph, FRAMES)];
    for (let start = 0; start < film.length; start += CHUNK * size) {
      await turn(signal);
      const part = film.slice(start, start + CHUNK * size);
      for (let i = 0; i < part.length; i++) part[i] = (part[i] ?? 0) / this.#scale;
      const frames = part.length / size;
      const feeds = {
        [LATENT]: feed(latents, part, [frames, channels, height, width]),
        ...(count && { [FRAMES]: feed(count, [frames], count.dims.length === 0 ? [] : [1]) }),
      };
      const { data, dims } = await runForFloats(this.#graph, feeds, this.#output);
      const [, , pixelHeight = 0, pixelWidth = 0] = dims;
      const area = pixelHeight * pixelWidth;
      yield Array.from({ length: frames }, (_, frame) => {
        const planes = data.subarray(3 * frame * area, 3 * (frame + 1) * area);
        return { width: pixelWidth, height: pixelHeight, data: pixelsOf(planes, area) };
      });
    }
  }
}

/** Of every published model. */
const DEFAULT_SCALE = 0.18215;
