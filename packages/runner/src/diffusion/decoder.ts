import type { Rgb8 } from "@rivulet/media";
import type { Graph } from "../backend.ts";
import { runForFloats } from "../graphs/outputs.ts";
import { allowInputs, feed, getInput, outputName } from "../graphs/ports.ts";
import type { ModelSettings } from "../model-settings.ts";
import type { LatentSize } from "./latent-size.ts";
import { factorOf } from "./latent-size.ts";
import { pixelsOf } from "./pixels.ts";

const LATENT = "latent_sample";

/** The half of an autoencoder that turns latent pictures into pixels. */
export class Decoder {
  readonly #graph: Graph;
  readonly #output: string;
  readonly #scale: number;
  readonly #mean: readonly number[] | undefined;
  readonly #deviation: readonly number[] | undefined;
  /** Pixels a side for each latent element. */
  readonly factor: number;

  /** `defaultScale` holds where the files do not say how much latents were scaled in training. */
  constructor(graph: Graph, config: ModelSettings, defaultScale: number) {
    allowInputs(graph, [LATENT]);
    getInput(graph, LATENT);
    this.#graph = graph;
    this.#output = outputName(graph, "sample");
    this.#scale = config.number("scaling_factor", defaultScale);
    this.#mean = config.findNumbers("latents_mean");
    this.#deviation = config.findNumbers("latents_std");
    this.factor = factorOf(config);
  }

  /** Throws "runner.failed" when the numbers have overflowed: the model's file is too coarse for its values. */
  async decode(latents: Float32Array, { channels, height, width }: LatentSize): Promise<Rgb8> {
    const port = getInput(this.#graph, LATENT);
    const input = feed(port, this.#unscaled(latents, channels), [1, channels, height, width]);
    const { dims, data } = await runForFloats(this.#graph, { [LATENT]: input }, this.#output);
    const [, , pixelHeight = 0, pixelWidth = 0] = dims;
    return { width: pixelWidth, height: pixelHeight, data: pixelsOf(data, pixelWidth * pixelHeight) };
  }

  #unscaled(latents: Float32Array, channels: number): Float32Array {
    const [mean, deviation] = [this.#mean, this.#deviation];
    if (mean === undefined || deviation === undefined) return latents.map((value) => value / this.#scale);
    const area = latents.length / channels;
    return latents.map((value, index) => {
      const channel = Math.floor(index / area);
      return (value * (deviation[channel] ?? 1)) / this.#scale + (mean[channel] ?? 0);
    });
  }
}
