import { encodePng, type Rgb8, toDataUrl } from "@rivulet/media";
import type { PipelineRequest, PipelineRunnerResponse } from "@rivulet/pipelines";
import { invariant, type Logger, type Randomness, RivuletError } from "@rivulet/primitives";
import type { Backend } from "../backend.ts";
import { denoise, turn } from "../diffusion/denoise.ts";
import type { LatentSize, Wish } from "../diffusion/denoiser.ts";
import { type DiffusionModel, loadDiffusionModel } from "../diffusion/diffusion-model.ts";
import { promptParts, textsFor } from "../diffusion/prompt.ts";
import { blankLike } from "../diffusion/text-conditioning.ts";
import type { Implementation, LoadedModel, RunContext } from "../implementation.ts";
import { type ModelRule, ruleOf } from "../model-rules.ts";
import { defaultSeedMode, noiseOf, type SeedMode } from "../random/noise.ts";
import type { Schedule } from "../schedulers/schedule.ts";

type Request = PipelineRequest<"text-to-image">;
type Response = PipelineRunnerResponse<"text-to-image">;

/** Makes the backend that a model's files are opened with. */
export type BackendFactory = (options: { readonly providers?: readonly string[]; readonly log: Logger }) => Backend;

/** Text to image with models of the Stable Diffusion family. Source: runner-and-models 7.5. */
export function textToImage(backend: BackendFactory): Implementation<"text-to-image"> {
  return {
    async load({ directory, model, threads, engine = {}, log, onProgress }) {
      const { providers = [], scheduler, seedMode = defaultSeedMode, safety = "best-effort" } = engine;
      const rule = ruleOf(model);
      const diffusion = await loadDiffusionModel({
        directory,
        backend: backend({ providers, log }),
        threads,
        scheduler: scheduler ?? rule.scheduler,
        needsSafetyChecker: safety === "required",
        onProgress,
      });
      if (diffusion.safetyChecker === undefined) log.warn("no safety checker", { model });
      return new LoadedTextToImage(diffusion, rule, seedMode);
    },
  };
}

/** Seeds that are drawn here have 32 bits. Source: runner-and-models 1.2.6. */
const SEEDS = 2 ** 32;

class LoadedTextToImage implements LoadedModel<"text-to-image"> {
  readonly #model: DiffusionModel;
  readonly #rule: ModelRule;
  readonly #seedMode: SeedMode;

  constructor(model: DiffusionModel, rule: ModelRule, seedMode: SeedMode) {
    this.#model = model;
    this.#rule = rule;
    this.#seedMode = seedMode;
  }

  /** The one size of a file that was exported for one. */
  get example(): Readonly<Record<string, unknown>> {
    const { denoiser, decoder } = this.#model;
    const size = denoiser.fixedSize;
    return size === undefined ? {} : { height: size.height * decoder.factor, width: size.width * decoder.factor };
  }

  /** Each picture is made on its own, so that it equals the one its seed makes alone. */
  async run(request: Request, context: RunContext): Promise<Response> {
    const { denoiser } = this.#model;
    refuseAdapters(request.loras);
    const size = this.#latentSize(request);
    const schedule = this.#plan(this.#rule.steps ?? request.num_inference_steps);
    const wish = await this.#wish(request, size, context.signal);
    const predict = denoiser.prepare(wish);
    const first = request.seed ?? drawnSeed(context.randomness);
    const images: Response["images"] = [];
    for (let image = 0; image < request.num_images_per_prompt; image++) {
      const seed = first + image;
      const latents = await denoise({
        schedule,
        predict,
        noise: noiseOf(seed, this.#seedMode),
        size: size.channels * size.height * size.width,
        signal: context.signal,
        onStep: (step, of) => context.onProgress({ kind: "step", image, step, of }),
      });
      await turn(context.signal);
      const picture = await this.#model.decoder.decode(latents, size);
      const nsfw = request.safety_check && (await this.#isUnsafe(picture, context.signal));
      const made = { url: toDataUrl("image/png", await encodePng(picture)), seed, nsfw };
      images.push(made);
      context.onProgress({ kind: "image", image, ...made });
    }
    return { images };
  }

  async dispose(): Promise<void> {
    await this.#model[Symbol.asyncDispose]();
  }

  async #wish(request: Request, size: LatentSize, signal: AbortSignal): Promise<Wish> {
    const { text, denoiser, blanksEmptyNegative } = this.#model;
    const parts = promptParts(request.prompt);
    if (parts.length === 0) throw rejected("the prompt has no words");
    const guidance = this.#rule.guidance ?? request.guidance_scale;
    const needsNegative = denoiser.needsNegative(guidance);
    const negativeParts = promptParts(request.negative_prompt);
    const isEncoded = needsNegative && (negativeParts.length > 0 || !blanksEmptyNegative);
    await turn(signal);
    const [prompt, negative] = await text.encode(
      (isEncoded ? [parts, negativeParts] : [parts]).map((texts) => textsFor(texts, text.encoders)),
    );
    invariant(prompt !== undefined, "text conditioning: a prompt was not encoded");
    return {
      size,
      height: request.height,
      width: request.width,
      guidance,
      prompt,
      ...(needsNegative ? { negative: negative ?? blankLike(prompt) } : {}),
    };
  }

  #plan(steps: number): Schedule {
    try {
      return this.#model.scheduler.plan(steps);
    } catch (cause) {
      if (cause instanceof RangeError) throw rejected(cause.message, cause);
      throw cause;
    }
  }

  #latentSize({ width, height }: Request): LatentSize {
    const { denoiser, decoder } = this.#model;
    const step = decoder.factor;
    if (width % step !== 0 || height % step !== 0) throw rejected(`width and height must be multiples of ${step}`);
    const size = { channels: denoiser.channels, height: height / decoder.factor, width: width / decoder.factor };
    const fixed = denoiser.fixedSize;
    if (fixed !== undefined && (fixed.height !== size.height || fixed.width !== size.width))
      throw rejected(`the size must be ${fixed.width * decoder.factor} × ${fixed.height * decoder.factor}`);
    return size;
  }

  async #isUnsafe(picture: Rgb8, signal: AbortSignal): Promise<boolean> {
    await turn(signal);
    return (await this.#model.safetyChecker?.isUnsafe(picture)) ?? false;
  }
}

/** Source of the form and of the first text: runner-and-models 1.2.10. */
function refuseAdapters(loras: string): void {
  const asked = loras.trim() === "" ? {} : parsedAdapters(loras);
  const names = Object.keys(asked);
  if (names.length > 0) throw rejected(`LoRA adapters are not supported here, asked for: ${names.join(", ")}`);
}

function parsedAdapters(loras: string): object {
  const refused = (cause?: unknown) => rejected(`Unable to parse '${loras.slice(0, MAX_QUOTED)}' as JSON`, cause);
  try {
    const value: unknown = JSON.parse(loras);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch (cause) {
    throw refused(cause);
  }
  throw refused();
}

/** Of a request's own text, in the error that refuses it. */
const MAX_QUOTED = 100;

function drawnSeed(randomness: Randomness): number {
  return Math.floor(randomness.uniform() * SEEDS);
}

function rejected(reason: string, cause?: unknown): RivuletError {
  return new RivuletError("request.rejected-by-model", { reason }, cause === undefined ? {} : { cause });
}
