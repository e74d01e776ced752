import type { Expectation, MediaFields, Pipeline, Probes } from "@rivulet/pipelines";
import { type Milliseconds, ms, type RequestId, type Work } from "@rivulet/primitives";

/** An application's request with nothing left open: every attempt sends the same. */
export interface PreparedJob {
  readonly id: RequestId;
  readonly pipeline: Pipeline;
  readonly model: string;
  readonly request: Readonly<Record<string, unknown>>;
  readonly media: Probes<MediaFields>;
  readonly work: Work;
  /** The request as orchestrators get it. */
  readonly content: { readonly contentType: string; readonly body: Uint8Array };
  readonly isStream: boolean;
  readonly expected: Expectation;
  /** For all attempts together. */
  readonly deadline: Milliseconds;
}

type Sized = Pick<PreparedJob, "pipeline" | "request" | "work">;

/** A duration by the measure of the job's size, before anything is known of its answer. */
export function scoreOf({ pipeline, request, work }: Sized, took: Milliseconds): number {
  return pipeline.latencyScore(request, work, took, undefined);
}

/** How long a job of this size takes at a score: scores grow as the time does. */
export function timeAt(job: Sized, score: number): Milliseconds {
  return ms(score / scoreOf(job, ms(1)));
}
