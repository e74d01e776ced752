import { Readable } from "node:stream";
import type { Pipeline } from "@rivulet/pipelines";
import { codeOf, errorBody, type Randomness, RivuletError, randomId } from "@rivulet/primitives";
import {
  encodeResult,
  eventOf,
  RESULT_CONTENT_TYPES,
  RESULTS_PATH,
  resultHeaders,
  type WorkerJob,
} from "@rivulet/wire";
import { type Dispatcher, request } from "undici";
import type { JobResult, JobStream, ResultBytes } from "../executor.ts";
import { jobErrorText } from "../job-error-text.ts";
import { timingHeader } from "../job-timings.ts";
import { filesOfResult } from "../result-files.ts";

export interface ResultPosterOptions {
  readonly orchestrator: string;
  readonly secret: string;
}

export interface ResultPosterPorts {
  readonly dispatcher: Dispatcher;
  readonly randomness: Randomness;
}

/** How an error is told. */
export interface Telling {
  /** Whether it is one of our own that is told. */
  readonly isOurs: boolean;
  /** The text that the network has for it, where it is not the phrase of the error's code. */
  readonly text: string | undefined;
}

export interface EncodedResult {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** How files of a type are named. */
const extensions = { "image/png": "png", "video/mp4": "mp4", "audio/wav": "wav" } as const;

/** Sends results to the orchestrator, each once. Source: wire-protocol 5.5. */
export class ResultPoster {
  readonly #options: ResultPosterOptions;
  readonly #ports: ResultPosterPorts;

  constructor(options: ResultPosterOptions, ports: ResultPosterPorts) {
    this.#options = options;
    this.#ports = ports;
  }

  /** A result as it is sent. Throws "peer.bad-result" when a file of it is not what it should be. */
  encode(pipeline: Pipeline, result: JobResult): EncodedResult {
    const files = new Map<string, ResultBytes>();
    for (const { owner, key, bytes, contentType } of filesOfResult(pipeline, result)) {
      const name = `${randomId(this.#ports.randomness)}.${extensions[contentType]}`;
      files.set(name, { bytes, contentType });
      owner[key] = name;
    }
    const { contentType, body } = encodeResult({ response: result.response, files });
    const timing = timingHeader(result.timings);
    return { headers: { "content-type": contentType, ...(timing !== "" && { "server-timing": timing }) }, body };
  }

  async postResult(job: WorkerJob, { headers, body }: EncodedResult, signal: AbortSignal): Promise<void> {
    await this.#post(job, headers, body, signal);
  }

  /** Sends events as they come. When nobody reads them any more the stream is returned from, which ends the work. */
  async postStream(job: WorkerJob, stream: JobStream, signal: AbortSignal): Promise<void> {
    const body = Readable.from(encoded(stream.events), { objectMode: false });
    const headers = { "content-type": RESULT_CONTENT_TYPES.events, "cache-control": "no-cache" };
    try {
      await this.#post(job, headers, body, signal);
    } finally {
      body.destroy();
    }
  }

  /** Says why a job failed: to one of our own with its facts, to others in the network's words. */
  async postError(job: WorkerJob, error: unknown, { isOurs, text }: Telling, signal: AbortSignal): Promise<void> {
    const headers = { "content-type": RESULT_CONTENT_TYPES.error, "x-rivulet-code": codeOf(error) };
    const told = isOurs ? JSON.stringify(errorBody(error)) : (text ?? jobErrorText({ name: job.pipeline }, error));
    await this.#post(job, headers, told, signal);
  }

  async #post(
    job: WorkerJob,
    headers: Readonly<Record<string, string>>,
    body: string | Uint8Array | Readable,
    signal: AbortSignal,
  ): Promise<void> {
    const { orchestrator, secret } = this.#options;
    const answer = await request(`${orchestrator}${RESULTS_PATH}`, {
      method: "POST",
      headers: { ...resultHeaders(secret, job.taskId, job.pipeline), ...headers },
      body,
      signal,
      dispatcher: this.#ports.dispatcher,
    });
    await answer.body.dump();
    if (answer.statusCode !== 200)
      throw new RivuletError("peer.failed", { reason: `the result was answered with ${answer.statusCode}` });
  }
}

async function* encoded(events: AsyncIterable<string>): AsyncGenerator<Buffer> {
  for await (const event of events) yield Buffer.from(eventOf(event));
}
