import type { PipelineName, PipelineRequest, PipelineRunnerResponse } from "@rivulet/pipelines";
import type { MediaFile } from "@rivulet/pipelines";
import type { Logger, Randomness } from "@rivulet/primitives";

/** What a run reports while it works. */
export type Progress =
  | { readonly kind: "loading"; readonly stage: string; readonly loaded: number; readonly total: number }
  | { readonly kind: "step"; readonly image: number; readonly step: number; readonly of: number };

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
  /** Looked at before every step; a run ends with the signal's reason within one step. */
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
