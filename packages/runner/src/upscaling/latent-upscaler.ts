import { join } from "node:path";
import type { PipelineRequest, PipelineRunnerResponse } from "@rivulet/pipelines";
import type { Wish } from "../diffusion/denoiser.ts";
import { steered } from "../diffusion/guidance.ts";
import type { Draw, Making, PictureMaker } from "../diffusion/picture-maker.ts";
import { planesOf } from "../diffusion/pixels.ts";
import type { LoadedModel, RunContext } from "../implementation.ts";
import { ModelSettings } from "../model-settings.ts";
import { steppedPicture } from "../pipelines/given-picture.ts";
import type { Noise } from "../random/noise.ts";
import { noiseConfig } from "../schedulers/config.ts";
import { signalTable } from "../schedulers/noise-table.ts";
import { noised, sharesOf } from "../schedulers/prediction.ts";
import { at, type Schedule } from "../schedulers/schedule.ts";
import { partOfPlanes, type Rectangle } from "../vision/planes.ts";
import { bicubic } from "../vision/resample.ts";
import { madeInTiles } from "./tiles.ts";

/** What the network's runners use for every request. Source: runner-and-models 1.6. */
const GUIDANCE = 9;
/** The training step whose noise is laid over the given picture. */
const NOISE_LEVEL = 20;
/** Tiles may begin anywhere. */
const TILE_STEP = 1;
/** A picture has this many channels, and the model sees them beside its latents. */
const PICTURE_CHANNELS = 3;

/** The diffusion model whose latents are as large as the given picture, which it sees at every step. */
export class LatentUpscaler implements LoadedModel<"upscale"> {
  readonly #maker: PictureMaker;
  /** The share of signal that a picture keeps under the noise laid over it. */
  readonly #signal: number;

  private constructor(maker: PictureMaker, signal: number) {
    this.#maker = maker;
    this.#signal = signal;
  }

  /** Throws `RangeError` for a model that does not see a picture. The model is the upscaler's from here on. */
  static async of(maker: PictureMaker, directory: string): Promise<LatentUpscaler> {
    const { imageChannels } = maker.model.denoiser;
    if (imageChannels !== PICTURE_CHANNELS)
      throw new RangeError(`an upscaling model sees a picture's ${PICTURE_CHANNELS} channels, not ${imageChannels}`);
    const settings = await ModelSettings.read(join(directory, "low_res_scheduler", "scheduler_config.json"));
    const signal = at(signalTable(noiseConfig(settings, { spacing: "leading" })), NOISE_LEVEL);
    return new LatentUpscaler(maker, signal);
  }

  async run(request: PipelineRequest<"upscale">, context: RunContext): Promise<PipelineRunnerResponse<"upscale">> {
    const { decoder } = this.#maker.model;
    const picture = await steppedPicture(context, decoder.factor, bicubic);
    const planes = planesOf(picture);
    const schedule = this.#maker.plan(request.num_inference_steps);
    const texts = await this.#maker.read([request.prompt], [""], false, context.signal);
    const steps = schedule.timesteps.length;
    const draw: Draw = (noise, onStep) =>
      madeInTiles(picture, decoder.factor, TILE_STEP, (tile, index, count) => {
        const making = {
          schedule,
          picture: this.#pictureOf(partOfPlanes(planes, picture, tile), tile, texts, schedule),
        };
        const onTileStep = (done: number) => onStep(index * steps + done, count * steps);
        return this.#maker.draw(making, noiseOfPart(noise(), picture, tile), context.signal, onTileStep);
      });
    return this.#maker.answer({ ...request, num_images_per_prompt: 1 }, draw, context);
  }

  #pictureOf(planes: Float32Array, { width, height }: Rectangle, { prompt, negative }: Texts, schedule: Schedule) {
    const { denoiser, decoder } = this.#maker.model;
    const size = { channels: denoiser.channels, height, width };
    return (noise: Noise): ReturnType<Making["picture"]> => {
      const image = noised(sharesOf(this.#signal), planes, noise(planes.length));
      const wish: Wish = {
        size,
        height: height * decoder.factor,
        width: width * decoder.factor,
        guidance: steered({ text: negative, image }, { text: prompt, image }, GUIDANCE),
        scale: GUIDANCE,
        imageNoise: NOISE_LEVEL,
      };
      return { wish, start: this.#maker.pureNoise(schedule, size, noise) };
    };
  }

  async dispose(): Promise<void> {
    await this.#maker[Symbol.asyncDispose]();
  }
}

type Texts = Awaited<ReturnType<PictureMaker["read"]>>;

/** Of the noise of a whole picture what lies in a tile, so that tiles agree on what they share. Source: 7.10. */
function noiseOfPart(noise: Noise, size: Pick<Rectangle, "width" | "height">, tile: Rectangle): Noise {
  const [all, own] = [size.width * size.height, tile.width * tile.height];
  return (count) => partOfPlanes(noise((count / own) * all), size, tile);
}
