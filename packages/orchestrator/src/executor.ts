import type { MediaFile, Pipeline } from "@rivulet/pipelines";
import type { Milliseconds, ModelId } from "@rivulet/primitives";
import type { Hardware } from "@rivulet/wire";

/** A job that has been admitted: parsed, identified and given a slot. */
export interface AdmittedJob {
  /** Names the job's files; unguessable, because whoever knows it may read them. */
  readonly requestId: string;
  readonly pipeline: Pipeline;
  readonly model: ModelId;
  /** The parsed request, every field resolved. */
  readonly request: Readonly<Record<string, unknown>>;
  readonly media: Readonly<Record<string, MediaFile>>;
}

/** Where the time of a job went. Parts that are not known are absent. */
export interface JobTimings {
  /** Waiting for a slot of the model. */
  readonly queue?: Milliseconds;
  /** Bringing the model into memory; 0 when it was warm. */
  readonly load?: Milliseconds;
  readonly inference?: Milliseconds;
}

export interface ResultBytes {
  readonly bytes: Uint8Array;
  readonly contentType: string;
}

/** What came out: the response with each file's `url` either a data URL or a name in `files`. */
export interface JobResult {
  readonly kind: "response";
  readonly response: Record<string, unknown>;
  readonly files: ReadonlyMap<string, ResultBytes>;
  readonly timings: JobTimings;
}

/** An event stream (llm): the JSON text of each event, the end marker left out. */
export interface JobStream {
  readonly kind: "stream";
  /** To be read once and to its end, or returned from: only then has the job ended. */
  readonly events: AsyncIterable<string>;
  readonly timings: JobTimings;
}

/** What one model can do here right now. */
export interface ModelOffer {
  readonly pipeline: Pipeline;
  readonly model: ModelId;
  readonly isWarm: boolean;
  /** Slots that are free now. */
  readonly free: number;
  readonly slots: number;
  readonly runnerVersion: string;
}

/** One place to run one job, taken. Whoever took it gives it back when the job has ended: `using`. */
export interface Slot extends Disposable {
  /**
   * Does the job, once. Throws `RivuletError`; aborting `signal` stops the work, and the signal's reason is thrown.
   * A stream's slot is given back after its last event.
   */
  run(job: AdmittedJob, options: { readonly signal: AbortSignal }): Promise<JobResult | JobStream>;
}

/**
 * Whoever does an orchestrator's jobs: a runner on its own machine, or attached workers.
 * Contract: `executorContract` in `@rivulet/testkit`.
 */
export interface Executor {
  offers(): readonly ModelOffer[];
  hardware(): readonly Hardware[];
  /** Takes a slot of a model, or `undefined` when there is none or all are taken. */
  tryReserve(pipeline: Pipeline, model: ModelId): Slot | undefined;
  /** Calls `listener` whenever models come, go, or change between warm and cold. Disposing ends it. */
  onOffersChanged(listener: () => void): Disposable;
}
