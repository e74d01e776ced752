import type { Expectation, MediaFields, Pipeline, Probes } from "@rivulet/pipelines";
import type { Milliseconds, RequestId, Work } from "@rivulet/primitives";

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
