import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { llm, type PipelineRequest, RUNNER_COMPATIBILITY_VERSION } from "@rivulet/pipelines";
import {
  type Clock,
  type ErrorCode,
  type Logger,
  type Milliseconds,
  minutes,
  ms,
  RivuletError,
} from "@rivulet/primitives";
import type { Hardware } from "@rivulet/wire";
import { type Dispatcher, Pool } from "undici";
import type { AdmittedJob, JobResult, JobStream } from "../executor.ts";
import { MAX_ERROR_BYTES } from "../limits.ts";
import { peerError } from "../peer-error.ts";
import { connectionError, gather, parsed, recordOf, whole } from "./answer.ts";
import type { ReportedModel, RunnerAddress, RunnerConnection, RunnerHealth } from "./runner-client.ts";

/** A model that a server has under a name of its own. */
export interface ServedModel extends ReportedModel {
  /** What the server calls it; absent where it calls it as the network does. */
  readonly upstream?: string;
}

export type Conversation = PipelineRequest<"llm">;

/** What a server said of an answer it is writing. */
export interface Piece {
  readonly text?: string;
  /** Why it ended. */
  readonly finish?: string;
  /** Tokens as the server counted them. */
  readonly usage?: { readonly prompt: number; readonly completion: number };
}

/** What differs between servers of language models. */
export interface Dialect {
  /** Where conversations are sent, below the server's address. */
  readonly chat: string;
  /** What a stream of pieces is sent as. */
  readonly streamType: string;
  /** The server's address without what every path begins with anyway. */
  base(prefix: string): string;
  body(model: ServedModel, conversation: Conversation): object;
  /** Throws "runner.failed" with the server's words where it reports a failure in the middle. */
  pieces(body: AsyncIterable<Uint8Array>): AsyncIterable<Piece>;
  /** Those of the models that can be asked for now, as warm as they are. Throws where the server is of no use. */
  available(models: readonly ServedModel[], ask: Ask, signal: AbortSignal): Promise<readonly ServedModel[]>;
}

/** One question about the server: its answer as JSON. Throws `RivuletError`. */
export type Ask = (path: string, options: { readonly signal: AbortSignal; readonly post?: object }) => Promise<unknown>;

export interface LanguageClientOptions extends RunnerAddress {
  readonly models: readonly ServedModel[];
  readonly silence?: Milliseconds;
}

export interface LanguageClientPorts {
  readonly clock: Clock;
  readonly log: Logger;
}

const IDLE: Milliseconds = ms(4000);
/** Between the pieces of an answer that has begun, the first included: prompts of a hundred thousand tokens are read in less. */
const SILENCE: Milliseconds = minutes(2);
const MAX_REPORT_BYTES = 4_000_000;
/** Characters in one event; as JSON they may take six bytes each, and a line has at most 64 KiB. Source: runner-and-models 1.9. */
const MAX_PIECE = 8000;
/** Characters of an answer that is kept until it is whole: four million tokens, more than any model writes. */
const MAX_TEXT = 16_000_000;

/**
 * A server of language models as a runner: conversations in its own words. The answer is always asked for as a stream, so
 * that a server learns at once when nobody waits any longer.
 */
export class LanguageClient implements RunnerConnection {
  readonly #pool: Pool;
  readonly #prefix: string;
  readonly #authorization: Readonly<Record<string, string>>;
  readonly #models: readonly ServedModel[];
  readonly #dialect: Dialect;
  readonly #ports: LanguageClientPorts;
  #missing = "";

  constructor(
    { url, token, models, silence = SILENCE }: LanguageClientOptions,
    dialect: Dialect,
    ports: LanguageClientPorts,
  ) {
    const { origin, pathname } = new URL(url);
    this.#pool = new Pool(origin, { headersTimeout: 0, bodyTimeout: silence, keepAliveTimeout: IDLE, pipelining: 1 });
    this.#prefix = dialect.base(pathname.replace(/\/+$/, ""));
    this.#authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    this.#models = models.filter(({ pipeline }) => pipeline.name === llm.name);
    this.#dialect = dialect;
    this.#ports = ports;
  }

  async run(job: AdmittedJob, signal: AbortSignal): Promise<JobResult | JobStream> {
    const conversation = llm.request.parse(job.request);
    const written = new WrittenAnswer(job, Math.floor(this.#ports.clock.now() / 1000));
    const pieces = this.#pieces(job, conversation, signal);
    // Until the first piece is there a failure can still be told by its status.
    const first = await pieces.next();
    async function* all() {
      if (first.done !== true) yield first.value;
      yield* pieces;
    }
    if (conversation.stream) return { kind: "stream", events: written.events(all()), timings: {} };
    return { kind: "response", response: await written.whole(all()), files: new Map(), timings: {} };
  }

  async health(signal: AbortSignal): Promise<RunnerHealth> {
    const models = await this.#dialect.available(this.#models, this.#ask, signal);
    const there = new Set(models.map(({ model }) => model));
    const missing = this.#models.flatMap((each) => (there.has(each.model) ? [] : [nameOf(each)])).join(", ");
    if (missing !== "" && missing !== this.#missing)
      this.#ports.log.warn("the server does not have the models", { missing });
    this.#missing = missing;
    return { isUsable: true, models };
  }

  /** That of the interface behind which the server is put. Source: runner-and-models 5.4. */
  async version(): Promise<string> {
    return RUNNER_COMPATIBILITY_VERSION;
  }

  async hardware(): Promise<Hardware> {
    return { pipeline: llm.name, model: this.#models[0]?.model ?? "", gpus: new Map() };
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async *#pieces(job: AdmittedJob, conversation: Conversation, signal: AbortSignal): AsyncGenerator<Piece, void> {
    const model = this.#models.find((each) => each.model === job.model);
    if (model === undefined) throw notServed(job);
    try {
      const answer = await this.#send(this.#dialect.chat, { post: this.#dialect.body(model, conversation), signal });
      const body: Readable = answer.body;
      try {
        if (answer.statusCode !== 200) throw await refusal(job, answer);
        const type = String(answer.headers["content-type"] ?? "");
        if (!type.startsWith(this.#dialect.streamType))
          throw failed(`the answer is ${type || "of no type"}, no stream`);
        yield* this.#dialect.pieces(body);
      } finally {
        body.on("error", () => {}).destroy();
      }
    } catch (error) {
      signal.throwIfAborted();
      throw isSilent(error) ? failed("nothing more was said") : connectionError(error);
    }
  }

  readonly #ask: Ask = async (path, options) => {
    try {
      const answer = await this.#send(path, options);
      const body = await whole(answer.body, MAX_REPORT_BYTES);
      if (answer.statusCode === 200) return parsed(body);
      const { statusCode: status } = answer;
      if (isTokenRefused(status)) throw failed(NO_TOKEN);
      const reason = wordsOf(body, status);
      throw status === 503 ? new RivuletError("runner.unavailable", { reason }) : failed(reason);
    } catch (error) {
      options.signal.throwIfAborted();
      throw connectionError(error);
    }
  };

  #send(path: string, { signal, post }: { readonly signal: AbortSignal; readonly post?: object }) {
    return this.#pool.request({
      path: `${this.#prefix}${path}`,
      signal,
      ...(post === undefined
        ? { method: "GET", headers: this.#authorization }
        : {
            method: "POST",
            headers: { "content-type": "application/json", ...this.#authorization },
            body: JSON.stringify(post),
          }),
    });
  }
}

/** The name a server knows a model by. */
export function nameOf({ model, upstream }: ServedModel): string {
  return upstream ?? model;
}

/** A failure in the server's words. */
export function failed(reason: string): RivuletError<"runner.failed"> {
  return new RivuletError("runner.failed", { reason });
}

/** What is wrong, in whichever of their forms a server says it. */
export function messageOf(told: unknown): string | undefined {
  if (typeof told === "string") return told.slice(0, MAX_TOLD);
  const { error, message, detail } = recordOf(told);
  const inside = error ?? message ?? detail;
  return inside === undefined ? undefined : (messageOf(inside) ?? JSON.stringify(inside).slice(0, MAX_TOLD));
}

const MAX_TOLD = 500;
const NO_TOKEN = "the server refuses the token it was given";

/** What a server means by a status, as far as gateways may care. */
const byStatus: Readonly<Record<number, ErrorCode>> = {
  400: "request.rejected-by-model",
  404: "model.load-failed",
  413: "request.too-large",
  422: "request.rejected-by-model",
  429: "capacity.exhausted",
  503: "runner.unavailable",
};

async function refusal(job: AdmittedJob, answer: Dispatcher.ResponseData): Promise<RivuletError> {
  const { statusCode: status } = answer;
  const { bytes } = await gather(answer.body, MAX_ERROR_BYTES);
  // Whose fault it is that a token is refused is nothing to gateways; what was said may name it.
  if (isTokenRefused(status)) return failed(NO_TOKEN);
  const reason = wordsOf(bytes, status);
  return peerError(byStatus[status] ?? "runner.failed", { pipeline: job.pipeline.name, model: job.model, reason });
}

function isTokenRefused(status: number): boolean {
  return status === 401 || status === 403;
}

/** What a refusal says, or at least which it is. */
function wordsOf(body: Buffer, status: number): string {
  const text = body.toString("utf8");
  const told = messageOf(jsonIn(text)) ?? text.trim().slice(0, MAX_TOLD);
  return told === "" ? `the server answered ${status}` : told;
}

function notServed({ pipeline, model }: AdmittedJob): RivuletError {
  return new RivuletError("model.unknown", { pipeline: pipeline.name, model, offered: [] });
}

function isSilent(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, "code") === "UND_ERR_BODY_TIMEOUT";
}

/** The value of a text that may be no JSON. */
export function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The answer in the network's form, from pieces: events with how far it is, or the whole. Source: runner-and-models 1.9, 5.2. */
class WrittenAnswer {
  readonly #head: { readonly id: string; readonly model: string; readonly created: number };
  #pieces = 0;
  #finish: string | undefined;
  #usage: Piece["usage"];

  constructor({ requestId, model }: AdmittedJob, created: number) {
    // The request's own id is secret.
    const id = createHash("sha256").update(requestId).digest("hex").slice(0, 32);
    this.#head = { id: `chatcmpl-${id}`, model, created };
  }

  async *events(pieces: AsyncIterable<Piece>): AsyncGenerator<string> {
    for await (const text of this.#texts(pieces)) yield this.#event("", text);
    yield this.#event(this.#ended(), "");
  }

  async whole(pieces: AsyncIterable<Piece>): Promise<Record<string, unknown>> {
    let content = "";
    for await (const text of this.#texts(pieces)) {
      content += text;
      if (content.length > MAX_TEXT)
        throw new RivuletError("peer.protocol", { reason: `an answer of more than ${MAX_TEXT} characters` });
    }
    const message = { role: "assistant", content };
    return {
      ...this.#head,
      choices: [{ index: 0, finish_reason: this.#ended(), delta: null, message }],
      usage: this.#counted(),
    };
  }

  async *#texts(pieces: AsyncIterable<Piece>): AsyncGenerator<string> {
    for await (const { text = "", finish, usage } of pieces) {
      this.#finish ??= finish;
      this.#usage = usage ?? this.#usage;
      if (text === "") continue;
      this.#pieces += 1;
      yield* cut(text);
    }
  }

  /** Why it ended. What ends without saying so was cut off. */
  #ended(): string {
    if (this.#finish !== undefined) return this.#finish;
    throw new RivuletError("runner.crashed", { reason: "the answer ended in the middle" });
  }

  #event(reason: string, content: string): string {
    const choice = { index: 0, finish_reason: reason, delta: { role: "assistant", content }, message: null };
    return JSON.stringify({ ...this.#head, choices: [choice], usage: this.#counted() });
  }

  /** Until the server says how many tokens there were, and where it never does, a piece counts as one. */
  #counted() {
    const { prompt, completion } = this.#usage ?? { prompt: 0, completion: this.#pieces };
    return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
  }
}

/** A long text in parts, no character in two of them. */
function* cut(text: string): Generator<string> {
  for (let at = 0; at < text.length; ) {
    const end = at + MAX_PIECE;
    const splits = end < text.length && /[\uD800-\uDBFF]/.test(text.charAt(end - 1));
    yield text.slice(at, splits ? end - 1 : end);
    at = splits ? end - 1 : end;
  }
}
