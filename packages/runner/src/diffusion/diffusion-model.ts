import { join } from "node:path";
import { type Scheduler, type SchedulerOverride, schedulerOf } from "../schedulers/scheduler.ts";
import { CLIP_POSITIONS, loadClipTokenizer } from "../tokenizers/clip-tokenizer.ts";
import { type ComponentLoad, componentsOf } from "./components.ts";
import { Decoder } from "./decoder.ts";
import { Denoiser } from "./denoiser.ts";
import { Encoder } from "./encoder.ts";
import { SafetyChecker } from "./safety-checker.ts";
import { TextConditioning } from "./text-conditioning.ts";
import { type TextEncoder, textEncoder } from "./text-encoder.ts";

/** A model of the Stable Diffusion family in memory. Disposing it closes its files. */
export interface DiffusionModel extends AsyncDisposable {
  readonly text: TextConditioning;
  readonly denoiser: Denoiser;
  readonly decoder: Decoder;
  /** Only where it was asked for. */
  readonly encoder?: Encoder;
  readonly scheduler: Scheduler;
  readonly safetyChecker?: SafetyChecker;
  /** Whether an empty negative prompt means zeros instead of the embedding of an empty text. */
  readonly blanksEmptyNegative: boolean;
}

export interface DiffusionLoad extends ComponentLoad {
  /** Another method than the model's own. */
  readonly scheduler: SchedulerOverride | undefined;
  readonly needsSafetyChecker: boolean;
  /** Whether pictures go in, too. */
  readonly needsEncoder: boolean;
}

/** The folders of the layout that Diffusers and Optimum write. Source: runner-and-models 7.3.2. */
const textEncoderFolders = [
  { encoder: "text_encoder", tokenizer: "tokenizer" },
  { encoder: "text_encoder_2", tokenizer: "tokenizer_2" },
] as const;
const DENOISER = "unet";
const DECODER = "vae_decoder";
const ENCODER = "vae_encoder";
const SAFETY_CHECKER = "safety_checker";

/** How much latents were scaled in training, by whether the family has two text encoders. */
const latentScales = { one: 0.18215, two: 0.13025 } as const;

/** Loads what a model's folders hold. Throws `RangeError` for files of another kind than this family's. */
export async function loadDiffusionModel(load: DiffusionLoad): Promise<DiffusionModel> {
  const { directory } = load;
  await using opened = new AsyncDisposableStack();
  const texts = textEncoderFolders.map(({ encoder }) => encoder);
  const folders = [...texts, DENOISER, DECODER, SAFETY_CHECKER, ...(load.needsEncoder ? [ENCODER] : [])];
  const { find, get, settings, getSettings } = await componentsOf(load, folders, opened);

  const index = await settings("model_index.json");
  const scheduler = schedulerOf(await getSettings("scheduler", "scheduler_config.json"), load.scheduler);
  const denoiser = new Denoiser(await get(DENOISER), await settings(DENOISER, "config.json"));
  const encoders: TextEncoder[] = [];
  for (const { encoder, tokenizer } of textEncoderFolders) {
    const graph = await find(encoder);
    if (graph === undefined) continue;
    const positions = (await settings(encoder, "config.json")).number("max_position_embeddings", CLIP_POSITIONS);
    const words = await loadClipTokenizer(join(directory, tokenizer), positions);
    encoders.push(textEncoder(graph, words, denoiser.readsPooledText ? "penultimate" : "last"));
  }
  if (encoders.length === 0) throw new RangeError("the model has no text_encoder/model.onnx");
  const whole = await settings("vae", "config.json");
  const autoencoder = whole.has("block_out_channels") ? whole : await settings(DECODER, "config.json");
  const latentScale = encoders.length === 1 ? latentScales.one : latentScales.two;
  const decoder = new Decoder(await get(DECODER), autoencoder, latentScale);
  const encoder = load.needsEncoder ? new Encoder(await get(ENCODER), autoencoder, latentScale) : undefined;
  const checker = await (load.needsSafetyChecker ? get : find)(SAFETY_CHECKER);
  const safetyChecker = checker && new SafetyChecker(checker);
  const blanksEmptyNegative = denoiser.readsPooledText && index.boolean("force_zeros_for_empty_prompt", true);
  // Nothing below throws: from here on the files belong to whoever has the model.
  const graphs = opened.move();
  return {
    text: new TextConditioning(encoders),
    denoiser,
    decoder,
    ...(encoder && { encoder }),
    scheduler,
    ...(safetyChecker && { safetyChecker }),
    blanksEmptyNegative,
    [Symbol.asyncDispose]: () => graphs.disposeAsync(),
  };
}
