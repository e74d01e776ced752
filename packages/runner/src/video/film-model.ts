import { type ComponentLoad, componentsOf } from "../diffusion/components.ts";
import { Encoder } from "../diffusion/encoder.ts";
import { SafetyChecker } from "../diffusion/safety-checker.ts";
import { type Scheduler, type SchedulerOverride, schedulerOf } from "../schedulers/scheduler.ts";
import { FilmDecoder } from "./film-decoder.ts";
import { FilmDenoiser } from "./film-denoiser.ts";
import { ImageEncoder } from "./image-encoder.ts";

/** A Stable Video Diffusion model in memory. Disposing it closes its files. */
export interface FilmModel extends AsyncDisposable {
  readonly eye: ImageEncoder;
  readonly encoder: Encoder;
  readonly denoiser: FilmDenoiser;
  readonly decoder: FilmDecoder;
  readonly scheduler: Scheduler;
  readonly safetyChecker?: SafetyChecker;
}

export interface FilmLoad extends ComponentLoad {
  /** Another method than the model's own. */
  readonly scheduler: SchedulerOverride | undefined;
  readonly needsSafetyChecker: boolean;
}

const EYE = "image_encoder";
const DENOISER = "unet";
const ENCODER = "vae_encoder";
const DECODER = "vae_decoder";
const SAFETY_CHECKER = "safety_checker";

/** How much latents were scaled in training. */
const LATENT_SCALE = 0.18215;

/** Loads what a model's folders hold. Throws `RangeError` for files of another kind than this family's. */
export async function loadFilmModel(load: FilmLoad): Promise<FilmModel> {
  await using opened = new AsyncDisposableStack();
  const folders = [EYE, DENOISER, ENCODER, DECODER, SAFETY_CHECKER];
  const { find, get, settings, getSettings } = await componentsOf(load, folders, opened);
  const scheduler = schedulerOf(await getSettings("scheduler", "scheduler_config.json"), load.scheduler);
  const denoiser = new FilmDenoiser(await get(DENOISER), await settings(DENOISER, "config.json"));
  const eye = new ImageEncoder(await get(EYE), await settings("feature_extractor", "preprocessor_config.json"));
  const autoencoder = await settings(DECODER, "config.json");
  const encoder = new Encoder(await get(ENCODER), autoencoder, LATENT_SCALE);
  const decoder = new FilmDecoder(await get(DECODER), autoencoder);
  const checker = await (load.needsSafetyChecker ? get : find)(SAFETY_CHECKER);
  const safetyChecker = checker && new SafetyChecker(checker);
  // Nothing below throws: from here on the files belong to whoever has the model.
  const graphs = opened.move();
  return {
    eye,
    encoder,
    denoiser,
    decoder,
    scheduler,
    ...(safetyChecker && { safetyChecker }),
    [Symbol.asyncDispose]: () => graphs.disposeAsync(),
  };
}
