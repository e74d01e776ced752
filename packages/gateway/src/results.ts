import type { Readable } from "node:stream";
import { isDataUrl, parseDataUrl } from "@rivulet/media";
import type { Expectation, ResultFile } from "@rivulet/pipelines";
import { isError, linked, RivuletError, type ServiceUri } from "@rivulet/primitives";
import type { Dispatcher } from "undici";
import { ask } from "./http/ask.ts";
import { readBounded } from "./http/read-bounded.ts";
import type { PreparedJob } from "./prepared-job.ts";
import { badResult, type FetchedFile } from "./verification.ts";

export interface ResultOptions {
  /** The most bytes of one answer's JSON, pictures inside it included. */
  readonly maxResponseBytes: number;
  /** The most bytes of one file of a result. */
  readonly maxFileBytes: number;
  /** Origins besides the orchestrator's own from which results may be fetched, such as its object store. */
  readonly resultOrigins: ReadonlySet<string>;
}

/** Where an answer came from. */
export interface ResultPlace {
  readonly serviceUri: ServiceUri;
  /** Of the same. */
  readonly origin: string;
}

/** A pixel at its largest: four samples of 16 bits, not compressed. */
const MAX_PIXEL_BYTES = 8;
/** What stands beside the pixels: profiles and texts inside a picture, JSON around it. */
const SLACK = 1 << 20;
/** Bytes as base64. */
const BASE64 = 4 / 3;

/**
 * Reads what orchestrators answer and fetches the files it names, within bounds. Throws "peer.protocol", "peer.bad-result",
 * "peer.unreachable", and the signal's reason.
 */
export class Results {
  readonly #options: ResultOptions;
  readonly #dispatcher: Dispatcher;

  constructor(options: ResultOptions, dispatcher: Dispatcher) {
    this.#options = options;
    this.#dispatcher = dispatcher;
  }

  /** The answer's JSON, checked against its pipeline. */
  async response(job: PreparedJob, body: Readable, signal: AbortSignal): Promise<Record<string, unknown>> {
    const bytes = await readPeer(body, this.#mostOfAnswer(job.expected), signal);
    let json: unknown;
    try {
      json = JSON.parse(bytes.toString("utf8"));
    } catch (cause) {
      // Peers of the older software answer an empty 200 where they mean "no such route".
      throw new RivuletError("peer.protocol", { reason: "the answer is not JSON" }, { cause });
    }
    const parsed = job.pipeline.response.safeParse(json);
    if (!parsed.success) throw badResult("the answer lacks fields or has wrong ones", parsed.error);
    return parsed.data as Record<string, unknown>;
  }

  /** Every file, or the error of the first that cannot be had: then nobody wants the others. */
  async files(
    named: readonly ResultFile[],
    from: ResultPlace,
    expected: Expectation,
    signal: AbortSignal,
  ): Promise<readonly FetchedFile[]> {
    const maxBytes = this.#mostOfFile(expected);
    using together = linked(signal);
    try {
      return await Promise.all(named.map((file) => this.#fetch(file, from, maxBytes, together.signal)));
    } catch (error) {
      together.abort(error);
      throw error;
    }
  }

  /** The most bytes one file can have: of a picture of known size no more than its pixels need. */
  #mostOfFile({ size }: Expectation): number {
    const { maxFileBytes } = this.#options;
    return size === undefined
      ? maxFileBytes
      : Math.min(maxFileBytes, size.width * size.height * MAX_PIXEL_BYTES + SLACK);
  }

  /** The most bytes of an answer's JSON with its files inside. Where there are none, masks may be as large as they like. */
  #mostOfAnswer(expected: Expectation): number {
    const { maxResponseBytes } = this.#options;
    if (expected.files === 0) return maxResponseBytes;
    return Math.min(maxResponseBytes, Math.ceil(expected.files * this.#mostOfFile(expected) * BASE64) + SLACK);
  }

  async #fetch(file: ResultFile, from: ResultPlace, maxBytes: number, signal: AbortSignal): Promise<FetchedFile> {
    const url = file.owner[file.key];
    if (typeof url !== "string") throw badResult("a file has no address");
    if (!isDataUrl(url)) return { file, bytes: await this.#download(url, from, maxBytes, signal) };
    try {
      return { file, bytes: parseDataUrl(url, { maxBytes }).bytes };
    } catch (cause) {
      throw badResult("a data URL cannot be read", cause);
    }
  }

  async #download(url: string, from: ResultPlace, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    const { origin, pathname, search } = this.#allowed(url, from);
    let answer: Dispatcher.ResponseData;
    try {
      answer = await ask(this.#dispatcher, {
        origin,
        path: `${pathname}${search}`,
        method: "GET",
        signal,
      });
    } catch (cause) {
      signal.throwIfAborted();
      throw new RivuletError("peer.unreachable", { reason: "a result could not be fetched" }, { cause });
    }
    if (answer.statusCode !== 200) {
      answer.body.destroy();
      throw badResult(`a result is answered with ${answer.statusCode}`);
    }
    return await readPeer(answer.body, maxBytes, signal);
  }

  /** Results lie at the orchestrator, or where the operator said: an answer must not make us ask our own neighbours. */
  #allowed(url: string, { serviceUri, origin }: ResultPlace): URL {
    const parsed = URL.parse(url, `${serviceUri}/`);
    if (parsed === null) throw badResult("a file has no address");
    if (parsed.origin !== origin && !this.#options.resultOrigins.has(parsed.origin))
      throw badResult("a file lies at an address that is not the orchestrator's");
    return parsed;
  }
}

/** Reads a peer's body. Throws "peer.unreachable" when it ends early and "peer.bad-result" when it is too long. */
export async function readPeer(body: Readable, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
  try {
    return await readBounded(body, maxBytes);
  } catch (cause) {
    body.destroy();
    signal.throwIfAborted();
    if (isError(cause, "request.too-large")) throw badResult(`an answer is longer than ${maxBytes} bytes`, cause);
    throw new RivuletError("peer.unreachable", { reason: "the answer ended early" }, { cause });
  }
}
