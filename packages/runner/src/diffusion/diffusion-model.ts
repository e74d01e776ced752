import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Backend, Graph } from "../backend.ts";
import type { Progress } from "../implementation.ts";
import { ModelSettings } from "../model-settings.ts";
import { type Scheduler, type SchedulerOverride, schedulerOf } from "../schedulers/scheduler.ts";
import { CLIP_POSITIONS, loadClipTokenizer } from "../tokenizers/clip-tokenizer.ts";
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

export interface DiffusionLoad {
  readonly directory: string;
  readonly backend: Backend;
  readonly threads: number;
  /** Another method than the model's own. */
  readonly scheduler: SchedulerOverride | undefined;
  readonly needsSafetyChecker: boolean;
  /** Whether pictures go in, too. */
  readonly needsEncoder: boolean;
  readonly onProgress: (progress: Progress) => void;
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
const MODEL_FILE = "model.onnx";

/** How much latents were scaled in training, by whether the family has two text encoders. */
const latentScales = { one: 0.18215, two: 0.13025 } as const;

/** Loads what a model's folders hold. Throws `RangeError` for files of another kind than this family's. */
export async function loadDiffusionModel(load: DiffusionLoad): Promise<DiffusionModel> {
  const { directory } = load;
  await using opened = new AsyncDisposableStack();
  const found = await componentsOf(directory, load);
  const total = found.reduce((sum, { bytes }) => sum + bytes, 0);
  let loaded = 0;
  const findGraph = async (folder: string): Promise<Graph | undefined> => {
    const component = found.find((candidate) => candidate.folder === folder);
    if (component === undefined) return undefined;
    load.onProgress({ kind: "loading", stage: folder, loaded, total });
    const graph = await load.backend
      .open(join(directory, folder, MODEL_FILE), { threads: load.threads })
      .catch((cause: unknown) => {
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new RangeError(`${folder}/${MODEL_FILE} could not be opened: ${reason}`, { cause });
      });
    opened.defer(() => graph.close());
    loaded += component.bytes;
    load.onProgress({ kind: "loading", stage: folder, loaded, total });
    return graph;
  };
  const getGraph = async (folder: string): Promise<Graph> => {
    const graph = await findGraph(folder);
    if (graph === undefined) throw new RangeError(`the model has no ${folder}/${MODEL_FILE}`);
    return graph;
  };
  const settings = (...path: string[]) => ModelSettings.read(join(directory, ...path));

  const index = await settings("model_index.json");
  const scheduler = schedulerOf(await settings("scheduler", "scheduler_config.json"), load.scheduler);
  const denoiser = new Denoiser(await getGraph(DENOISER), await settings(DENOISER, "config.json"));
  const encoders: TextEncoder[] = [];
  for (const { encoder, tokenizer } of textEncoderFolders) {
    const graph = await findGraph(encoder);
    if (graph === undefined) continue;
    const positions = (await settings(encoder, "config.json")).number("max_position_embeddings", CLIP_POSITIONS);
    const words = await loadClipTokenizer(join(directory, tokenizer), positions);
    encoders.push(textEncoder(graph, words, denoiser.readsPooledText ? "penultimate" : "last"));
  }
  if (encoders.length === 0) throw new RangeError("the model has no text encoder");
  const whole = await settings("vae", "config.json");
  const autoencoder = whole.has("block_out_channels") ? whole : await settings(DECODER, "config.json");
  const latentScale = encoders.length === 1 ? latentScales.one : latentScales.two;
  const decoder = new Decoder(await getGraph(DECODER), autoencoder, latentScale);
  const encoder = load.needsEncoder ? new Encoder(await getGraph(ENCODER), autoencoder, latentScale) : undefined;
  const checker = await (load.needsSafetyChecker ? getGraph : findGraph)(SAFETY_CHECKER);
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

interface Component {
  readonly folder: string;
  /** Of the model file and what lies beside it as its external data. */
  readonly bytes: number;
}

/** The folders of a model that hold a file to open, as far as they are read here. */
async function componentsOf(directory: string, { needsEncoder }: DiffusionLoad): Promise<readonly Component[]> {
  const texts = textEncoderFolders.map(({ encoder }) => encoder);
  const folders = [...texts, DENOISER, DECODER, SAFETY_CHECKER, ...(needsEncoder ? [ENCODER] : [])];
  const present = new Set(await readdir(directory));
  const components = await Promise.all(
    folders
      .filter((folder) => present.has(folder))
      .map(async (folder): Promise<Component | undefined> => {
        const files = (await readdir(join(directory, folder))).filter((file) => file.startsWith(MODEL_FILE));
        if (!files.includes(MODEL_FILE)) return undefined;
        const sizes = await Promise.all(files.map(async (file) => (await stat(join(directory, folder, file))).size));
        return { folder, bytes: sizes.reduce((sum, size) => sum + size, 0) };
      }),
  );
  return components.filter((component) => component !== undefined);
}
