import { encodePng, type Rgb8, toDataUrl } from "@rivulet/media";
import type { PipelineRequest, PipelineRunnerResponse } from "@rivulet/pipelines";
import type { BackendFactory } from "../backend.ts";
import { denoise } from "../diffusion/denoise.ts";
import { topLeftOf } from "../diffusion/edges.ts";
import type { LatentSize } from "../diffusion/latent-size.ts";
import { fixedSizeOf, latentSizeOf } from "../diffusion/latent-size.ts";
import { planesOf } from "../diffusion/pixels.ts";
import type { Implementation, LoadedModel, RunContext } from "../implementation.ts";
import { ruleOf } from "../model-rules.ts";
import { drawnSeed } from "../random/drawn-seed.ts";
import { defaultSeedMode, type Noise, noiseOf, type SeedMode } from "../random/noise.ts";
import { mix, scaled } from "../schedulers/schedule.ts";
import { turn } from "../turn.ts";
import type { FilmWish } from "../video/film-denoiser.ts";
import { type FilmModel, loadFilmModel } from "../video/film-model.ts";
import { lanczos, resized } from "../vision/resample.ts";
import { givenPicture } from "./given-picture.ts";

type Request = PipelineRequest<"image-to-video">;
type Response = PipelineRunnerResponse<"image-to-video">;

/** A picture that begins to move, with Stable Video Diffusion. Source: runner-and-models 1.5, 7.16. */
export function imageToVideo(backend: BackendFactory): Implementation<"image-to-video"> {
  return {
    async load({ directory, model, threads, engine = {}, log, onProgress }) {
      const { providers = [], scheduler, seedMode = defaultSeedMode, safety = "best-effort" } = engine;
      const film = await loadFilmModel({
        directory,
        backend: backend({ providers, log }),
        threads,
        scheduler: scheduler ?? ruleOf(model).scheduler,
        needsSafetyChecker: safety === "required",
        onProgress,
      });
      if (film.safetyChecker === undefined) log.warn("no safety checker", { model });
      return new LoadedImageToVideo(film, seedMode);
    },
  };
}

class LoadedImageToVideo implements LoadedModel<"image-to-video"> {
  readonly #model: FilmModel;
  readonly #seedMode: SeedMode;

  constructor(model: FilmModel, seedMode: SeedMode) {
    this.#model = model;
    this.#seedMode = seedMode;
  }

  get example(): Readonly<Record<string, unknown>> {
    return fixedSizeOf(this.#model) ?? {};
  }

  async run(request: Request, context: RunContext): Promise<Response> {
    const { scheduler, denoiser, decoder, safetyChecker } = this.#model;
    const { signal, onProgress } = context;
    const size = latentSizeOf(request, this.#model);
    const schedule = scheduler.plan(request.num_inference_steps);
    const picture = await givenPicture(context);
    const seed = request.seed ?? drawnSeed(context);
    const noise = noiseOf(seed, this.#seedMode);
    await turn(signal);
    // It is the given picture that is looked at, not the frames. Source: runner-and-models 1.2.7.
    const nsfw = request.safety_check && ((await safetyChecker?.isUnsafe(picture)) ?? false);
    const wish = await this.#wish(request, picture, size, noise, signal);
    const start = noise(denoiser.frames * size.channels * size.height * size.width);
    const film = await denoise({
      schedule,
      predict: denoiser.prepare(wish),
      start: schedule.begin(scaled(schedule.initNoiseSigma, start)),
      noise,
      signal,
      onStep: (step, of) => onProgress({ kind: "step", image: 0, step, of }),
    });
    const frames: Response["frames"][number] = [];
    for await (const together of decoder.decode(film, size, signal))
      for (const png of await Promise.all(together.map((frame) => encodePng(topLeftOf(frame, request)))))
        frames.push({ url: toDataUrl("image/png", png), seed, nsfw });
    return { frames: [frames] };
  }

  async dispose(): Promise<void> {
    await this.#model[Symbol.asyncDispose]();
  }

  /** What the model is told of the picture. Draws the noise that is laid over it first. */
  async #wish(request: Request, picture: Rgb8, size: LatentSize, noise: Noise, signal: AbortSignal): Promise<FilmWish> {
    const { eye, encoder } = this.#model;
    const { width, height, fps, motion_bucket_id: motion, noise_aug_strength: strength } = request;
    await turn(signal);
    const embedding = await eye.encode(picture);
    await turn(signal);
    const clean = planesOf(resized(picture, width, height, lanczos));
    const planes = mix([1, clean], [strength, noise(clean.length)]);
    const { mean } = await encoder.encodePlanes(planes, request, size.channels);
    return { size, embedding, image: mean, conditions: [fps - 1, motion, strength] };
  }
}
