import type { MediaFile, PipelineName, PipelineRequest, PipelineRunnerResponse } from "@rivulet/pipelines";
import type { Clock, Logger, Randomness } from "@rivulet/primitives";
import type { SeedMode } from "./random/noise.ts";
import type { SchedulerOverride } from "./schedulers/scheduler.ts";

/** What a run reports while it works. */
export type Progress =
  | { readonly kind: "loading"; readonly stage: string; readonly loaded: number; readonly total: number }
  | { readonly kind: "step"; readonly image: number; readonly step: number; readonly of: number }
  /** One picture of several is finished: callers that listen see it before the whole answer. */
  | {
      readonly kind: "image";
      readonly image: number;
      readonly url: string;
      readonly seed: number;
      readonly nsfw: boolean;
    }
  /** The next piece of an answer that is sent piece by piece, in the form of the pipeline's response. */
  | { readonly kind: "part"; readonly part: Readonly<Record<string, unknown>> };

/** How models are run, beyond what a request may say. Plain data: it travels to model hosts. */
export interface EngineOptions {
  /** Execution providers of the model runtime in order of preference: `cuda`, `cuda:1`, `cpu`; `cpu` when left out. */
  readonly providers?: readonly string[];
  /** Whose random numbers seeds stand for: `cuda` when left out, as on the network. */
  readonly seedMode?: SeedMode;
  /** Another denoising method than each model's own: for comparing methods. */
  readonly scheduler?: SchedulerOverride;
  /** Whether an image model without a safety checker is refused; `best-effort`, which counts all as safe, when left out. */
  readonly safety?: "required" | "best-effort";
}

export interface LoadContext {
  /** Directory of the model in the Hugging Face layout. */
  readonly directory: string;
  /** The exact id the model is served under: only the id rules table looks at it. */
  readonly model: string;
  readonly threads: number;
  readonly engine?: EngineOptions;
  readonly log: Logger;
  readonly onProgress: (progress: Progress) => void;
}

export interface RunContext {
  readonly media: Readonly<Record<string, MediaFile>>;
  /**
   * Looked at before every step; a run ends with the signal's reason within one step. It aborts only when the event
   * loop turns, so a run lets it turn between steps (an ONNX Runtime `run` does so by itself).
   */
  readonly signal: AbortSignal;
  readonly randomness: Randomness;
  readonly clock: Pick<Clock, "now" | "monotonic">;
  readonly onProgress: (progress: Progress) => void;
}

/** A model in memory. `dispose` gives its memory back. */
export interface LoadedModel<N extends PipelineName> {
  /** Laid over the pipeline's example for the run that shows that the model works: for models that cannot do every request. */
  readonly example?: Readonly<Record<string, unknown>>;
  run(request: PipelineRequest<N>, context: RunContext): Promise<PipelineRunnerResponse<N>>;
  dispose(): Promise<void>;
}

/** How one pipeline is executed: it sees tensors, images and a signal, never HTTP, payments or the network. */
export interface Implementation<N extends PipelineName> {
  load(context: LoadContext): Promise<LoadedModel<N>>;
}
