import type { PipelineRequest, PipelineRunnerResponse } from "@rivulet/pipelines";
import { invariant } from "@rivulet/primitives";
import type { BackendFactory } from "../backend.ts";
import { refuseAdapters } from "../diffusion/adapters.ts";
import type { Question, Wish } from "../diffusion/denoiser.ts";
import type { Encoder, Posterior } from "../diffusion/encoder.ts";
import { edited, type Guidance, isGuided, steered, unguided } from "../diffusion/guidance.ts";
import { latentSizeOf } from "../diffusion/latent-size.ts";
import { type Making, PictureMaker } from "../diffusion/picture-maker.ts";
import type { Conditioning } from "../diffusion/text-conditioning.ts";
import type { Implementation, LoadedModel, RunContext } from "../implementation.ts";
import { rejected } from "../rejected.ts";
import { turn } from "../turn.ts";
import { lanczos } from "../vision/resample.ts";
import { steppedPicture } from "./given-picture.ts";

type Request = PipelineRequest<"image-to-image">;

/**
 * A picture changed as a text says, with models of the Stable Diffusion family: by making a share of it anew, or, with
 * models that were trained for it, by instruction. Source: runner-and-models 7.5.5, 7.5.6.
 */
export function imageToImage(backend: BackendFactory): Implementation<"image-to-image"> {
  return {
    async load(context) {
      const maker = await PictureMaker.load(backend, context, true);
      const { denoiser, encoder } = maker.model;
      invariant(encoder !== undefined, "a model that needs an encoder has one");
      if (denoiser.imageChannels === 0 || denoiser.imageChannels === denoiser.channels)
        return new LoadedImageToImage(maker, encoder);
      await maker[Symbol.asyncDispose]();
      throw new RangeError(`the model wants ${denoiser.imageChannels} channels beside the latent picture`);
    },
  };
}

/** Sides of pictures are brought down to multiples of this, as the published API promises. */
const SIDE_STEP = 8;

class LoadedImageToImage implements LoadedModel<"image-to-image"> {
  readonly #maker: PictureMaker;
  readonly #encoder: Encoder;

  constructor(maker: PictureMaker, encoder: Encoder) {
    this.#maker = maker;
    this.#encoder = encoder;
  }

  async run(request: Request, context: RunContext): Promise<PipelineRunnerResponse<"image-to-image">> {
    refuseAdapters(request.loras);
    if (request.prompt.trim() === "") throw rejected("prompt", "there are no words in it");
    const picture = await steppedPicture(context, SIDE_STEP, lanczos);
    const size = latentSizeOf(picture, this.#maker.model, "image");
    await turn(context.signal);
    const posterior = await this.#encoder.encode(picture, size.channels);
    const way = this.#maker.model.denoiser.imageChannels > 0 ? this.#editing : this.#redrawing;
    const { height, width } = picture;
    const making = await way.call(this, request, posterior, { size, height, width }, context.signal);
    return this.#maker.make(request, making, context);
  }

  async dispose(): Promise<void> {
    await this.#maker[Symbol.asyncDispose]();
  }

  /** The picture with noise of a late step, denoised from there. */
  async #redrawing(request: Request, posterior: Posterior, shape: Shape, signal: AbortSignal): Promise<Making> {
    const { model, rule } = this.#maker;
    const scale = rule.guidance ?? request.guidance_scale;
    const { schedule, first } = this.#share(request);
    const isSteered = model.denoiser.needsNegative(scale);
    const { prompt, negative } = await this.#read(request, isSteered, signal);
    const guidance = isSteered ? steered({ text: negative }, { text: prompt }, scale) : unguided({ text: prompt });
    const wish = { ...shape, scale, guidance };
    return {
      schedule,
      picture: (noise) => {
        const clean = posterior.draw(noise);
        return { wish, start: schedule.begin(schedule.addNoise(clean, noise(clean.length), first), first) };
      },
    };
  }

  /** From pure noise, with the picture before the model's eyes at every step. */
  async #editing(request: Request, { mean }: Posterior, shape: Shape, signal: AbortSignal): Promise<Making> {
    const { guidance_scale: scale, image_guidance_scale: imageScale } = request;
    const schedule = this.#maker.plan(request.num_inference_steps);
    const isSteered = isGuided(scale) && imageScale >= 1;
    const { prompt, negative } = await this.#read(request, isSteered, signal);
    const guidance: Guidance<Question> = isSteered
      ? edited(
          {
            withBoth: { text: prompt, image: mean },
            withImage: { text: negative, image: mean },
            withNeither: { text: negative },
          },
          scale,
          imageScale,
        )
      : unguided({ text: prompt, image: mean });
    const wish = { ...shape, scale, guidance };
    return { schedule, picture: (noise) => ({ wish, start: this.#maker.pureNoise(schedule, shape.size, noise) }) };
  }

  /** The plan and where in it a picture of this strength enters. */
  #share({ strength: asked, num_inference_steps }: Request) {
    const { model, rule } = this.#maker;
    const steps = rule.steps ?? num_inference_steps;
    // Consistency models plan for a strength; for the others the plan is cut.
    if (model.denoiser.embedsGuidance) return { schedule: this.#maker.plan(steps, { strength: asked }), first: 0 };
    const schedule = this.#maker.plan(steps);
    const run = Math.max(rule.runsAtLeastOneStep ? 1 : 0, Math.min(Math.floor(steps * asked), steps));
    if (run < 1) throw rejected("strength", `${asked} of ${steps} num_inference_steps leaves no step to run`);
    return { schedule, first: steps - run };
  }

  /** Unlike text-to-image, texts are neither cut at bars nor left out when they are empty. Source: 1.2.9. */
  #read(
    { prompt, negative_prompt }: Request,
    isSteered: boolean,
    signal: AbortSignal,
  ): Promise<{
    readonly prompt: Conditioning;
    readonly negative: Conditioning;
  }> {
    return this.#maker.read([prompt], isSteered ? [negative_prompt] : undefined, false, signal);
  }
}

type Shape = Pick<Wish, "size" | "height" | "width">;
