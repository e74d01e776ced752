import type { PipelineRequest, PipelineRunnerResponse } from "@rivulet/pipelines";
import type { BackendFactory } from "../backend.ts";
import { refuseAdapters } from "../diffusion/adapters.ts";
import { steered, unguided } from "../diffusion/guidance.ts";
import { fixedSizeOf, latentSizeOf } from "../diffusion/latent-size.ts";
import { PictureMaker } from "../diffusion/picture-maker.ts";
import { promptParts } from "../diffusion/prompt.ts";
import type { Implementation, LoadedModel, RunContext } from "../implementation.ts";
import type { Noise } from "../random/noise.ts";
import { rejected } from "../rejected.ts";

type Request = PipelineRequest<"text-to-image">;

/** Text to image with models of the Stable Diffusion family. Source: runner-and-models 7.5. */
export function textToImage(backend: BackendFactory): Implementation<"text-to-image"> {
  return {
    async load(context) {
      const maker = await PictureMaker.load(backend, context, false);
      if (maker.model.denoiser.imageChannels === 0) return new LoadedTextToImage(maker);
      await maker[Symbol.asyncDispose]();
      throw new RangeError("the model changes pictures and makes none from text alone");
    },
  };
}

class LoadedTextToImage implements LoadedModel<"text-to-image"> {
  readonly #maker: PictureMaker;

  constructor(maker: PictureMaker) {
    this.#maker = maker;
  }

  get example(): Readonly<Record<string, unknown>> {
    return fixedSizeOf(this.#maker.model) ?? {};
  }

  async run(request: Request, context: RunContext): Promise<PipelineRunnerResponse<"text-to-image">> {
    refuseAdapters(request.loras);
    const { denoiser } = this.#maker.model;
    const parts = promptParts(request.prompt);
    if (parts.length === 0) throw rejected("prompt", "there are no words in it");
    const size = latentSizeOf(request, this.#maker.model);
    const schedule = this.#maker.plan(request.num_inference_steps);
    const scale = this.#maker.rule.guidance ?? request.guidance_scale;
    const isSteered = denoiser.needsNegative(scale);
    const avoided = isSteered ? promptParts(request.negative_prompt) : undefined;
    const { prompt, negative } = await this.#maker.read(parts, avoided, true, context.signal);
    const guidance = isSteered ? steered({ text: negative }, { text: prompt }, scale) : unguided({ text: prompt });
    const { height, width } = request;
    const wish = { size, height, width, guidance, scale };
    const picture = (noise: Noise) => ({ wish, start: this.#maker.pureNoise(schedule, size, noise) });
    return this.#maker.make(request, { schedule, picture }, context);
  }

  async dispose(): Promise<void> {
    await this.#maker[Symbol.asyncDispose]();
  }
}
