import type { Rgb8 } from "@rivulet/media";
import type { Graph } from "../backend.ts";
import { runForFloats } from "../graphs/outputs.ts";
import { allowInputs, feed, getInput, outputName } from "../graphs/ports.ts";
import type { ModelSettings } from "../model-settings.ts";
import type { Noise } from "../random/noise.ts";
import { grownToMultiples } from "./edges.ts";
import { factorOf } from "./latent-size.ts";
import { planesOf } from "./pixels.ts";

const SAMPLE = "sample";

/** The half of an autoencoder that turns pixels into latent pictures. */
export class Encoder {
  readonly #graph: Graph;
  readonly #output: string;
  readonly #scale: number;
  readonly #shift: number;
  /** Pixels a side for each latent element. */
  readonly #factor: number;

  /** `defaultScale` holds where the files do not say how much latents were scaled in training. */
  constructor(graph: Graph, config: ModelSettings, defaultScale: number) {
    allowInputs(graph, [SAMPLE]);
    getInput(graph, SAMPLE);
    this.#graph = graph;
    this.#output = outputName(graph, "latent_parameters");
    this.#scale = config.number("scaling_factor", defaultScale);
    this.#shift = config.number("shift_factor", 0);
    this.#factor = factorOf(config);
  }

  /** What a picture may be in latents of `channels` channels. */
  encode(picture: Rgb8, channels: number): Promise<Posterior> {
    return this.encodePlanes(planesOf(picture), picture, channels);
  }

  /** The same for planes as `planesOf` gives them, of a picture of that size. */
  async encodePlanes(
    planes: Float32Array,
    { width, height }: Pick<Rgb8, "width" | "height">,
    channels: number,
  ): Promise<Posterior> {
    const whole = grownToMultiples({ data: planes, dims: [1, 3, height, width] }, this.#factor);
    const input = feed(getInput(this.#graph, SAMPLE), whole.data, whole.dims);
    const { dims, data } = await runForFloats(this.#graph, { [SAMPLE]: input }, this.#output);
    const [, told = channels, rows = 0, columns = 0] = dims;
    const size = channels * rows * columns;
    if (told !== channels && told !== 2 * channels)
      throw new RangeError(`${this.#graph.file} gives ${told} channels where the denoiser takes ${channels}`);
    const deviation = told === channels ? undefined : data.subarray(size, 2 * size).map(deviationOf);
    return new Posterior(data.subarray(0, size), deviation, this.#scale, this.#shift);
  }
}

/** The latent pictures that a picture may stand for: a normal distribution an element. */
export class Posterior {
  /** The middle, not scaled: what models see that edit by instruction. */
  readonly mean: Float32Array;
  /** Absent where the file has drawn already. */
  readonly #deviation: Float32Array | undefined;
  readonly #scale: number;
  readonly #shift: number;

  constructor(mean: Float32Array, deviation: Float32Array | undefined, scale: number, shift: number) {
    this.mean = mean;
    this.#deviation = deviation;
    this.#scale = scale;
    this.#shift = shift;
  }

  /** One of them, scaled as the denoiser was trained. Takes one draw of noise. */
  draw(noise: Noise): Float32Array {
    const deviation = this.#deviation;
    const drawn = deviation === undefined ? undefined : noise(this.mean.length);
    return this.mean.map((middle, i) => {
      const value = middle + (deviation?.[i] ?? 0) * (drawn?.[i] ?? 0);
      return (value - this.#shift) * this.#scale;
    });
  }
}

/** Beyond these a logarithm of a variance is taken for an overflow. Source: runner-and-models 7.5.5. */
const LOG_VARIANCE = { least: -30, most: 20 } as const;

function deviationOf(logVariance: number): number {
  return Math.exp(0.5 * Math.min(LOG_VARIANCE.most, Math.max(LOG_VARIANCE.least, logVariance)));
}
