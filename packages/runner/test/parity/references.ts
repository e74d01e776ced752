import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** What the reference implementation made of a tiny model. The files are described in `models/references/README.md`. */

/** Numbers in a file beside the references, as little-endian float32. */
export interface TensorFile {
  readonly file: string;
  readonly shape: readonly number[];
  /** The range the numbers are cut to before they are used. */
  readonly clamp?: readonly [number, number];
}

export interface Wish {
  readonly scheduler: string;
  readonly prompt: string;
  readonly prompt_2?: string;
  readonly negative_prompt: string | null;
  readonly seed: number;
  readonly width: number;
  readonly height: number;
  readonly steps: number;
  readonly guidance: number;
}

export interface FamilyReferences {
  readonly source: string;
  readonly family: string;
  readonly tokens: readonly {
    readonly input: { readonly tokenizer: string; readonly text: string };
    readonly expected: { readonly ids: readonly number[] };
  }[];
  readonly texts: readonly {
    readonly input: { readonly encoder: string; readonly text: string; readonly input_ids: readonly number[] };
    readonly expected: Readonly<Record<string, TensorFile>>;
  }[];
  readonly unet: readonly {
    readonly input: Readonly<Record<string, TensorFile>> & { readonly timestep: number };
    readonly expected: { readonly out_sample: TensorFile };
  }[];
  readonly vae: readonly {
    readonly input: Readonly<Record<string, TensorFile>> & { readonly part: string };
    readonly expected: Readonly<Record<string, TensorFile>>;
  }[];
  readonly images: readonly {
    readonly input: Wish;
    readonly expected: { readonly file: string; readonly latents: TensorFile };
  }[];
}

/** A given picture and what shall be made of it. */
export interface EditWish {
  /** The id of a published model that is asked: what it promises goes before the numbers here. */
  readonly model?: string;
  readonly scheduler: string;
  readonly prompt: string;
  readonly negative_prompt: string;
  readonly seed: number;
  readonly steps: number;
  readonly guidance: number;
  /** Absent for models that edit by instruction. */
  readonly strength?: number;
  readonly image_guidance?: number;
}

export interface EditReferences {
  readonly source: string;
  readonly picture: string;
  readonly edits: readonly {
    readonly input: EditWish;
    readonly expected: { readonly file: string; readonly latents: TensorFile };
  }[];
}

export interface UpscaleReferences {
  readonly source: string;
  /** Of the cases that name none of their own. */
  readonly picture: string;
  readonly upscales: readonly {
    readonly input: {
      readonly prompt: string;
      readonly seed: number;
      readonly steps: number;
      readonly picture?: string;
    };
    readonly expected: { readonly file: string };
  }[];
}

export interface VideoReferences {
  readonly source: string;
  /** What the image encoder is shown of a picture: every so many rows and columns. */
  readonly views: readonly {
    readonly input: { readonly picture: string; readonly stride: number };
    readonly expected: { readonly pixel_values: TensorFile; readonly image_embeds: TensorFile };
  }[];
  readonly videos: readonly {
    readonly input: {
      readonly picture: string;
      readonly width: number;
      readonly height: number;
      readonly seed: number;
      readonly steps: number;
      readonly fps: number;
      readonly motion_bucket_id: number;
      readonly noise_aug_strength: number;
    };
    /** The frames stand below each other in one picture. */
    readonly expected: { readonly file: string; readonly frames: number; readonly latents: TensorFile };
  }[];
}

export interface SpeechReferences {
  readonly source: string;
  readonly speeches: readonly {
    /** `seed` is that of the random numbers; a speaker or voice stands only where the model has several. */
    readonly input: {
      readonly text: string;
      readonly seed: number;
      readonly speaker?: number;
      readonly voice?: string;
    };
    /** The waveform is as much as was kept of all `samples`. */
    readonly expected: { readonly ids: readonly number[]; readonly samples: number; readonly waveform: TensorFile };
  }[];
}

export interface LanguageReferences {
  readonly source: string;
  readonly answers: readonly {
    readonly input: { readonly messages: readonly { readonly role: string; readonly content: string }[] };
    readonly expected: {
      readonly ids: readonly number[];
      /** For the first token of the answer. */
      readonly logits: readonly number[];
      readonly tokens: readonly number[];
      readonly text: string;
    };
  }[];
}

export interface CaptionReferences {
  readonly source: string;
  readonly captions: readonly {
    readonly input: { readonly picture: string; readonly prompt: string };
    readonly expected: {
      /** The picture as the model sees it. */
      readonly pixels: TensorFile;
      /** What the decoder reads before it speaks. */
      readonly ids: readonly number[];
      /** For the first token of its own; of models that read token by token. */
      readonly logits: readonly number[];
      /** All of them, the prompt's included. */
      readonly tokens: readonly number[];
      readonly text: string;
    };
  }[];
}

/** A tone that rises and swells: see `sweep` in the test. */
export interface SweepWish {
  readonly seconds: number;
  readonly hertz: number;
}

export interface TranscriptReferences {
  readonly source: string;
  readonly mels: readonly {
    readonly input: SweepWish & { readonly bins: number };
    readonly expected: {
      readonly mean: number;
      readonly points: readonly (readonly [bin: number, frame: number, value: number])[];
    };
  }[];
  readonly transcripts: readonly {
    readonly input: SweepWish & { readonly return_timestamps: string };
    readonly expected: {
      readonly language: number | null;
      /** The tokens of each window, the prompt first; with times of words also when each sounds. */
      readonly windows: readonly { readonly tokens: readonly number[]; readonly times?: readonly number[] }[];
      readonly text: string;
      readonly chunks: readonly {
        readonly text: string;
        readonly timestamp: readonly [begin: number | null, end: number | null];
      }[];
    };
  }[];
}

export interface MaskReferences {
  readonly source: string;
  readonly masks: readonly {
    /** Beside the picture, fields of a request; those that are JSON texts there are values here. */
    readonly input: Readonly<Record<string, unknown>> & { readonly picture: string };
    readonly expected: {
      /** The picture as the model sees it. */
      readonly pixels: TensorFile;
      readonly scores: readonly number[];
      readonly masks: TensorFile;
      readonly logits: TensorFile;
    };
  }[];
}

export interface SchedulerReferences {
  readonly source: string;
  readonly cases: readonly {
    readonly input: {
      readonly scheduler: string;
      readonly config: Readonly<Record<string, unknown>>;
      readonly steps: number;
      readonly seed: number;
      readonly start: readonly number[];
    };
    readonly expected: {
      readonly timesteps: readonly number[];
      readonly init_noise_sigma: number;
      readonly sigmas?: readonly number[];
      readonly latents: readonly (readonly number[])[];
    };
  }[];
}

const root = new URL("../../../../models/references/", import.meta.url);

/** The names of the families that make pictures from text. */
export function families(): readonly string[] {
  const names = readdirSync(root).filter((name) => existsSync(new URL(`${name}/model`, root)));
  return names.filter((name) => existsSync(new URL(`${name}/references.json`, root)));
}

/** The names of the families that change pictures. */
export function editFamilies(): readonly string[] {
  return readdirSync(root).filter((name) => existsSync(new URL(`${name}/edits.json`, root)));
}

/** The path of a file of a family. */
export function referenceFile(family: string, file: string): string {
  return fileURLToPath(new URL(`${family}/${file}`, root));
}

export function references<T>(name: string, file = "references.json"): T {
  return JSON.parse(readFileSync(referenceFile(name, file), "utf8"));
}

export function numbersOf(family: string, { file, clamp }: TensorFile): Float32Array {
  const bytes = readFileSync(referenceFile(family, file));
  const values = new Float32Array(Uint8Array.from(bytes).buffer);
  if (clamp === undefined) return values;
  return values.map((value) => Math.min(clamp[1], Math.max(clamp[0], value)));
}
