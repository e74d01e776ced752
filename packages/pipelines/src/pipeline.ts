import type { Milliseconds, Work, WorkUnit } from "@rivulet/primitives";
import type { z } from "zod";
import type { Capability } from "./capability.ts";
import type { MediaKind, MediaProbe } from "./media.ts";

/** The media fields of a request: which fields hold a file, and of what kind. Empty means the body is JSON. */
export type MediaFields = Readonly<Record<string, MediaKind>>;

/** What probing found in each media field: what meters need to know about a file. */
export type Probes<M extends MediaFields> = { readonly [F in keyof M]: MediaProbe<M[F]> };

/** One file inside a response: where its `url` stands and what it must be. */
export interface ResultFile {
  /** Reads and replaces the url: `owner[key]`. */
  readonly owner: Record<string, unknown>;
  readonly key: string;
  readonly contentType: "image/png" | "video/mp4" | "audio/wav";
}

/** A film that a runner answers frame by frame. */
export interface FilmFrames {
  /** The url of each frame, in order. */
  readonly frames: readonly string[];
  readonly framesPerSecond: number;
}

/** What a good answer to a request looks like, as far as the request determines it. */
export interface Expectation {
  /** How many files the response holds. */
  readonly files: number;
  /** Size in pixels of every image, when the request determines it. */
  readonly size?: { readonly width: number; readonly height: number };
  /** The seeds that must stand beside the files, in order, when the request names one. */
  readonly seeds?: readonly number[];
}

/**
 * A kind of work: everything that any side needs to know about it, and nothing about who does it.
 *
 * Routes, the runner's client, OpenAPI, price units, labels and forms derive from this record. Its functions are
 * declared as methods so that every pipeline is also a plain `Pipeline`, whose requests are records of unknowns.
 */
export interface Pipeline<
  Name extends string = string,
  Request extends z.ZodObject = z.ZodObject,
  Response extends z.ZodType = z.ZodType,
  Unit extends WorkUnit = WorkUnit,
  Media extends MediaFields = MediaFields,
  RunnerResponse extends z.ZodType = z.ZodType,
> {
  /** The path of its routes and its name in worker messages and configuration. */
  readonly name: Name;
  /** `batch`: one request, one answer. `live`: a stream that runs until its input ends. */
  readonly kind: "batch" | "live";
  readonly capability: Capability;
  /** The operation id of the published API, such as `genTextToImage`. */
  readonly operationId: string;
  /** One sentence for API documents and forms. */
  readonly summary: string;
  /** The model a gateway asks for when neither the application nor its own configuration names one. */
  readonly defaultModel: string;
  /** The request field that names the model. */
  readonly modelField: "model_id" | "model";
  readonly media: Media;
  /** Every field of the published API except files, in the order they are written, with its defaults and our limits. */
  readonly request: Request;
  /** What an orchestrator answers a gateway, and a gateway an application. */
  readonly response: Response;
  /** What a runner answers, where it differs (image-to-video answers frames). */
  readonly runnerResponse?: RunnerResponse;
  /** How what a runner answers becomes the response, where it differs: each film becomes one file. */
  readonly filming?: {
    films(request: z.output<Request>, answer: z.output<RunnerResponse>): readonly FilmFrames[];
    /** `urls` stand for the files of the films, in the same order. */
    response(answer: z.output<RunnerResponse>, urls: readonly string[]): z.output<Response>;
  };
  readonly unit: Unit;
  /**
   * The amount of work in `unit`. Payer and payee both call this and nothing else. Throws "request.invalid" when the
   * request holds no billable work. For a live pipeline: the work of one second. Source: wire-protocol 4.5.
   */
  meter(request: z.output<Request>, media: Probes<Media>): bigint;
  /**
   * The work that an answer, or the last event of a stream, says was done: at most what was metered. Absent where that is
   * always all of it. Between our own nodes only this is charged.
   */
  spent?(response: z.output<Response>): bigint;
  /**
   * Set where gateways of the older software count less than `meter` does. They pay for what they count, so that asking
   * for the whole fee before the job would refuse every one of them. Source: payments-and-chain 14.1.
   */
  readonly isUndercounted?: boolean;
  /** Fields that a gateway draws at random when the application left them out, so that a retry repeats the same job. */
  readonly drawn: readonly string[];
  /** Fields that a gateway fills in from the files, so that peers need not look at them again. */
  derived?(request: z.output<Request>, media: Probes<Media>): Partial<z.output<Request>>;
  /**
   * Time taken, normalised by the size of the job so that jobs of different sizes compare; smaller is better.
   * `response` is absent for a stream. Source: nodes-and-operations 3.9.
   */
  latencyScore(
    request: z.output<Request>,
    work: Work<Unit>,
    took: Milliseconds,
    response: z.output<Response> | undefined,
  ): number;
  /** How long a gateway lets one job take, from its first attempt to the answer, loading the model included. */
  deadline(request: z.output<Request>, media: Probes<Media>): Milliseconds;
  /** Whether a request asks for an event stream instead of one answer. */
  streams?(request: z.output<Request>): boolean;
  /** Whether applications may be told the result later: jobs take longer than some of them, or proxies, wait. */
  readonly answersLater?: boolean;
  /** The last event of a stream that broke off after `previous`. */
  brokenOff?(previous: unknown): z.output<Response> | undefined;
  /** The files in a response, in order. Empty for pipelines that answer text. */
  files(response: z.output<Response>): readonly ResultFile[];
  /** Throws "request.invalid" for files from which no good answer can come: what nobody can do is nobody's failure. */
  expect(request: z.output<Request>, media: Probes<Media>): Expectation;
  /** A small valid request, used to check that a model is ready, in documents and in contract tests. */
  readonly example: Readonly<Record<string, unknown>>;
}

/** States a pipeline and keeps its exact types. */
export function definePipeline<
  const Name extends string,
  Request extends z.ZodObject,
  Response extends z.ZodType,
  Unit extends WorkUnit,
  const Media extends MediaFields,
  RunnerResponse extends z.ZodType = Response,
>(
  pipeline: Pipeline<Name, Request, Response, Unit, Media, RunnerResponse>,
): Pipeline<Name, Request, Response, Unit, Media, RunnerResponse> {
  return Object.freeze(pipeline);
}

/** Whether a pipeline's answers name files: what it expects of the answer to its example says so. */
export function makesFiles(pipeline: Pipeline): boolean {
  const media = Object.fromEntries(Object.entries(pipeline.media).map(([field, kind]) => [field, SAMPLES[kind]]));
  return pipeline.expect(pipeline.request.parse(pipeline.example), media).files > 0;
}

const SAMPLES: { readonly [K in MediaKind]: MediaProbe<K> } = {
  image: { kind: "image", format: "png", width: 64, height: 64 },
  audio: { kind: "audio", format: "wav", durationSeconds: 1 },
};

/** The measured work of a request: the only way either side arrives at an amount. */
export function workOf<R extends z.ZodObject, U extends WorkUnit, M extends MediaFields>(
  pipeline: Pipeline<string, R, z.ZodType, U, M>,
  request: z.output<R>,
  media: Probes<M>,
): Work<U> {
  return { unit: pipeline.unit, amount: pipeline.meter(request, media) };
}
