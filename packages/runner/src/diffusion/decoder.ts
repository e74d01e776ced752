import type { Rgb8 } from "@rivulet/media";
import { RivuletError } from "@rivulet/primitives";
import type { Graph } from "../backend.ts";
import type { ModelSettings } from "../model-settings.ts";
import type { LatentSize } from "./denoiser.ts";
import { allowInputs, feed, getInput, outputName, runForFloats } from "./ports.ts";

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

/** Of every published family: three halvings. */
const DEFAULT_BLOCKS = 4;

/** Pixels a side for each latent element of an autoencoder. */
export function factorOf(config: ModelSettings): number {
  return 2 ** ((config.findNumbers("block_out_channels")?.length ?? DEFAULT_BLOCKS) - 1);
}

/** From planes of −1 to 1 to interleaved bytes, in single precision and rounding halves to even, as the reference does. */
export function pixelsOf(planes: Float32Array, area: number): Uint8Array {
  const pixels = new Uint8ClampedArray(area * 3);
  let sum = 0;
  for (let channel = 0; channel < 3; channel++) {
    for (let i = 0; i < area; i++) {
      const value = planes[channel * area + i] ?? 0;
      sum += value;
      // Assigning to a clamped array clamps to 0…255 and rounds halves to even.
      pixels[i * 3 + channel] = Math.fround(Math.fround(value * 0.5 + 0.5) * 255);
    }
  }
  refuseNonFinite(sum, "pixels");
  return new Uint8Array(pixels.buffer);
}

/** Overflow spreads: a sum that is finite is a picture that is. */
export function refuseNonFinite(sum: number, what: string): void {
  if (!Number.isFinite(sum))
    throw new RivuletError("runner.failed", {
      reason: `the model's ${what} are not finite numbers: its files are damaged, or too coarse for its values`,
    });
}
