import { encodePng, type Rgb8, toDataUrl } from "@rivulet/media";
import type { PipelineRequest, PipelineRunnerResponse } from "@rivulet/pipelines";
import { invariant } from "@rivulet/primitives";
import type { BackendFactory } from "../backend.ts";
import type { LoadContext, RunContext } from "../implementation.ts";
import { type ModelRule, ruleOf } from "../model-rules.ts";
import { drawnSeed } from "../random/drawn-seed.ts";
import { defaultSeedMode, type Noise, noiseOf, type SeedMode } from "../random/noise.ts";
import { type Denoising, type Schedule, scaled } from "../schedulers/schedule.ts";
import type { PlanOptions } from "../schedulers/scheduler.ts";
import { turn } from "../turn.ts";
import { denoise } from "./denoise.ts";
import type { Wish } from "./denoiser.ts";
import { type DiffusionModel, loadDiffusionModel } from "./diffusion-model.ts";
import { topLeftOf } from "./edges.ts";
import type { LatentSize } from "./latent-size.ts";
import { textsFor } from "./prompt.ts";
import { blankLike, type Conditioning } from "./text-conditioning.ts";

/** What the pipelines that make pictures have in common in their requests and answers. */
type Request = Pick<PipelineRequest<"text-to-image">, "seed" | "num_images_per_prompt" | "safety_check">;
type Response = PipelineRunnerResponse<"text-to-image">;

/** How the pictures of a request are made. */
export interface Making {
  readonly schedule: Schedule;
  /** One picture: what is asked for, and where its denoising begins. The first to draw from its noise. */
  readonly picture: (noise: Noise) => { readonly wish: Wish; readonly start: Denoising };
}

type OnStep = (step: number, of: number) => void;

/** Makes one picture. `noise` gives the noise of its seed from the beginning, as often as it is asked. */
export type Draw = (noise: () => Noise, onStep: OnStep) => Promise<Rgb8>;

/** A model of the Stable Diffusion family and what is done with it whatever a picture starts from. */
export class PictureMaker implements AsyncDisposable {
  readonly model: DiffusionModel;
  readonly rule: ModelRule;
  readonly #seedMode: SeedMode;

  private constructor(model: DiffusionModel, rule: ModelRule, seedMode: SeedMode) {
    this.model = model;
    this.rule = rule;
    this.#seedMode = seedMode;
  }

  /** Throws `RangeError` for files of another kind. `needsEncoder`: whether pictures go in, too. */
  static async load(
    backend: BackendFactory,
    { directory, model, threads, engine = {}, log, onProgress }: LoadContext,
    needsEncoder: boolean,
  ): Promise<PictureMaker> {
    const { providers = [], scheduler, seedMode = defaultSeedMode, safety = "best-effort" } = engine;
    const rule = ruleOf(model);
    const loaded = await loadDiffusionModel({
      directory,
      backend: backend({ providers, log }),
      threads,
      scheduler: scheduler ?? rule.scheduler,
      needsSafetyChecker: safety === "required",
      needsEncoder,
      onProgress,
    });
    if (loaded.safetyChecker === undefined) log.warn("no safety checker", { model });
    return new PictureMaker(loaded, rule, seedMode);
  }

  /** Pure noise of a latent size, as strong as the method begins with. */
  pureNoise(schedule: Schedule, { channels, height, width }: LatentSize, noise: Noise): Denoising {
    return schedule.begin(scaled(schedule.initNoiseSigma, noise(channels * height * width)));
  }

  /** Throws "request.rejected-by-model" for a number of steps that the method cannot make. */
  plan(steps: number, options?: PlanOptions): Schedule {
    return this.model.scheduler.plan(this.rule.steps ?? steps, options);
  }

  /**
   * What the model is told of a prompt and of what to steer away from. Without a negative text, zeros where `blanks` and
   * the family says so, else the embedding of the empty text.
   */
  async read(
    prompt: readonly string[],
    negative: readonly string[] | undefined,
    blanks: boolean,
    signal: AbortSignal,
  ): Promise<{ readonly prompt: Conditioning; readonly negative: Conditioning }> {
    const { text, blanksEmptyNegative } = this.model;
    const isEncoded = negative !== undefined && !(blanks && blanksEmptyNegative && negative.length === 0);
    await turn(signal);
    const [asked, avoided] = await text.encode(
      (isEncoded ? [prompt, negative] : [prompt]).map((parts) => textsFor(parts, text.encoders)),
    );
    invariant(asked !== undefined, "text conditioning: a prompt was not encoded");
    return { prompt: asked, negative: avoided ?? blankLike(asked) };
  }

  /** The pictures of a request, each as `draw` makes it. */
  make(request: Request, making: Making, context: RunContext): Promise<Response> {
    return this.answer(request, (noise, onStep) => this.draw(making, noise(), context.signal, onStep), context);
  }

  /** Each picture is made on its own, so that it equals the one its seed makes alone. */
  async answer(request: Request, draw: Draw, context: RunContext): Promise<Response> {
    const first = request.seed ?? drawnSeed(context);
    const images: Response["images"] = [];
    for (let image = 0; image < request.num_images_per_prompt; image++) {
      const seed = first + image;
      const pixels = await draw(
        () => noiseOf(seed, this.#seedMode),
        (step, of) => context.onProgress({ kind: "step", image, step, of }),
      );
      const nsfw = request.safety_check && (await this.#isUnsafe(pixels, context.signal));
      const made = { url: toDataUrl("image/png", await encodePng(pixels)), seed, nsfw };
      images.push(made);
      context.onProgress({ kind: "image", image, ...made });
    }
    return { images };
  }

  /** One picture from a seed's noise. */
  async draw({ schedule, picture }: Making, noise: Noise, signal: AbortSignal, onStep: OnStep): Promise<Rgb8> {
    const { wish, start } = picture(noise);
    const predict = this.model.denoiser.prepare(wish);
    const latents = await denoise({ schedule, predict, start, noise, signal, onStep });
    await turn(signal);
    return topLeftOf(await this.model.decoder.decode(latents, wish.size), wish);
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.model[Symbol.asyncDispose]();
  }

  async #isUnsafe(picture: Rgb8, signal: AbortSignal): Promise<boolean> {
    await turn(signal);
    return (await this.model.safetyChecker?.isUnsafe(picture)) ?? false;
  }
}
