import type { MediaFile, PipelineName, PipelineRequest, PipelineRunnerResponse } from "@rivulet/pipelines";
import type { Logger, Randomness } from "@rivulet/primitives";

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
    };

export interface LoadContext {
  /** Directory of the model in the Hugging Face layout. */
  readonly directory: string;
  /** The exact id the model is served under: only the id rules table looks at it. */
  readonly model: string;
  readonly threads: number;
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
  readonly onProgress: (progress: Progress) => void;
}

/** A model in memory. `dispose` gives its memory back. */
export interface LoadedModel<N extends PipelineName> {
  run(request: PipelineRequest<N>, context: RunContext): Promise<PipelineRunnerResponse<N>>;
  dispose(): Promise<void>;
}

/** How one pipeline is executed: it sees tensors, images and a signal, never HTTP, payments or the network. */
export interface Implementation<N extends PipelineName> {
  load(context: LoadContext): Promise<LoadedModel<N>>;
}
