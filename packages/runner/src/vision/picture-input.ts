import { join } from "node:path";
import type { Rgb8 } from "@rivulet/media";
import { getJson, ModelSettings } from "../model-settings.ts";
import { planesBy } from "./planes.ts";
import { bicubic, bilinear, type Kernel, lanczos, resized } from "./resample.ts";

/** How a family's models see pictures where their files do not say. */
export interface PictureDefaults {
  readonly side: number;
  readonly kernel: Kernel;
  readonly mean: Colour;
  readonly deviation: Colour;
}

type Colour = readonly [number, number, number];

/** The statistics of ImageNet. */
export const IMAGENET = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] } as const;
/** The statistics of the pictures CLIP was trained with. */
export const CLIP = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  deviation: [0.26862954, 0.26130258, 0.27577711],
} as const;

/** Kernels by the number that preprocessor files know them by. */
const KERNELS: Readonly<Record<number, Kernel>> = { 1: lanczos, 2: bilinear, 3: bicubic };
/** Nobody trains on larger ones; a larger number in a file is a mistake that would fill the memory. */
const MAX_SIDE = 4096;

/**
 * How a model sees pictures: stretched to one size, whatever their shape, and normalised. What `preprocessor_config.json`
 * says holds. Source: runner-and-models 7.12, 7.13.
 */
export class PictureInput {
  readonly width: number;
  readonly height: number;
  readonly #kernel: Kernel;
  /** What a byte of each colour is to the model. */
  readonly #values: readonly Float32Array[];

  constructor(width: number, height: number, { kernel, mean, deviation }: Omit<PictureDefaults, "side">) {
    this.width = width;
    this.height = height;
    this.#kernel = kernel;
    this.#values = mean.map((middle, c) =>
      Float32Array.from({ length: 256 }, (_, byte) => (byte / 255 - middle) / (deviation[c] ?? 1)),
    );
  }

  /** Throws `RangeError` for a file that asks for what is not done here. */
  static async read(directory: string, { side, kernel, mean, deviation }: PictureDefaults): Promise<PictureInput> {
    const file = join(directory, "preprocessor_config.json");
    const json = await getJson(file);
    const settings = new ModelSettings(json, file);
    const { size } = json;
    // Older files have one number for a square, newer ones both sides by name.
    const sides = new ModelSettings(
      typeof size === "object" && size !== null ? { ...size } : { height: size, width: size },
      file,
    );
    const resample = settings.findNumber("resample");
    const wanted = resample === undefined ? kernel : KERNELS[resample];
    if (wanted === undefined) throw new RangeError(`${file}: pictures are not resized here by method ${resample}`);
    for (const cropping of ["do_center_crop", "do_pad"])
      if (settings.boolean(cropping, false))
        throw new RangeError(`${file}: pictures are not prepared here with ${cropping}`);
    return new PictureInput(sideOf(sides, "width", side), sideOf(sides, "height", side), {
      kernel: wanted,
      mean: colourOf(settings, "image_mean", mean),
      deviation: colourOf(settings, "image_std", deviation),
    });
  }

  get dims(): readonly number[] {
    return [1, 3, this.height, this.width];
  }

  /** The picture as planes. */
  planes(picture: Rgb8): Float32Array {
    return planesBy(resized(picture, this.width, this.height, this.#kernel), this.#values);
  }
}

function sideOf(sides: ModelSettings, name: string, fallback: number): number {
  const side = sides.number(name, fallback);
  if (!Number.isInteger(side) || side < 1 || side > MAX_SIDE)
    throw new RangeError(
      `preprocessor_config.json: pictures cannot be ${side} pixels ${name === "width" ? "wide" : "high"}`,
    );
  return side;
}

function colourOf(settings: ModelSettings, key: string, fallback: Colour): Colour {
  const [red, green, blue, ...others] = settings.findNumbers(key) ?? fallback;
  if (red === undefined || green === undefined || blue === undefined || others.length > 0)
    throw new RangeError(`preprocessor_config.json: ${key} must have a number for each of three colours`);
  return [red, green, blue];
}
