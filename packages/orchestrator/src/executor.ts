import type { MediaFile, Pipeline } from "@rivulet/pipelines";
import type { Lease, ModelId } from "@rivulet/primitives";

/** A job that has been admitted: parsed, identified and given a slot. */
export interface AdmittedJob {
  /** The network's short request id: names the job's results. */
  readonly requestId: string;
  readonly pipeline: Pipeline;
  readonly model: ModelId;
  /** The parsed request, every field resolved. */
  readonly request: Readonly<Record<string, unknown>>;
  readonly media: Readonly<Record<string, MediaFile>>;
}

/** Where the time of a job went, in milliseconds. Parts that are not known are absent. */
export interface JobTimings {
  /** Waiting for a slot of the model. */
  readonly queueMs?: number;
  /** Bringing the model into memory, 0 or absent when it was warm. */
  readonly loadMs?: number;
  readonly inferenceMs?: number;
}

/** What came out: the response with each file's `url` either a data URL or a name in `files`. */
export interface JobResult {
  readonly kind: "response";
  readonly response: Record<string, unknown>;
  readonly files: ReadonlyMap<string, { readonly bytes: Uint8Array; readonly contentType: string }>;
  readonly timings: JobTimings;
}

/** An event stream (llm): the JSON text of each event, the end marker left out. */
export interface JobStream {
  readonly kind: "stream";
  readonly events: AsyncIterable<string>;
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

export interface HardwareOffer {
  readonly pipeline: string;
  readonly model: string;
  readonly gpus: ReadonlyMap<
    string,
    { id: string; name: string; major: number; minor: number; memoryFree: bigint; memoryTotal: bigint }
  >;
}

/**
 * Whoever does an orchestrator's jobs: a runner on its own machine, or attached workers.
 * Contract: `executorContract` in `@rivulet/testkit`.
 */
export interface Executor {
  offers(): readonly ModelOffer[];
  hardware(): readonly HardwareOffer[];
  /** Takes a slot, or `undefined` when all are taken. The caller gives it back when the job has ended. */
  tryReserve(pipeline: string, model: ModelId): Lease | undefined;
  /** Does the job on the slot taken by `tryReserve`. Throws `RivuletError`; aborting `signal` stops the work. */
  run(job: AdmittedJob, options: { readonly signal: AbortSignal }): Promise<JobResult | JobStream>;
}
