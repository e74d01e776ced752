import type { IncomingMessage, ServerResponse } from "node:http";
import { encodePng, encodeWav } from "@rivulet/media";
import { findPipeline, parseFields, parseRequest } from "@rivulet/pipelines";
import { errorBody, httpOf, type RivuletError } from "@rivulet/primitives";
import { findBoundary, formOf, parseMultipart } from "@rivulet/wire";
import { FakeServer, leftOf } from "./fake-server.ts";

/** A job that arrived at the fake. */
export interface FakeRunnerJob {
  readonly pipeline: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Aborted when the caller hung up before it had an answer. */
  readonly left: AbortSignal;
}

export interface FakeRunnerAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** What the fake does with a job: an answer, silence, or a connection that breaks. */
export type FakeRunnerBehaviour = (
  job: FakeRunnerJob,
) => FakeRunnerAnswer | "hang" | "crash" | Promise<FakeRunnerAnswer | "hang" | "crash">;

export interface FakeRunnerModel {
  readonly pipeline: string;
  readonly model: string;
  readonly warm?: boolean;
  readonly slots?: number;
}

/**
 * A server with the surface of a runner that does what a test tells it: over real sockets, with nothing behind it.
 * By default it answers every job at once and correctly.
 */
export class FakeRunner extends FakeServer {
  /** Every job that arrived, in order. */
  readonly jobs: FakeRunnerJob[] = [];
  /** Set to make `/health` answer with this status instead. */
  healthStatus = 200;
  /** A plain runner of the network does not list its models. */
  listsModels = true;
  models: readonly FakeRunnerModel[];
  #behaviour: FakeRunnerBehaviour = answersWell;

  constructor(models: readonly FakeRunnerModel[] = []) {
    super();
    this.models = models;
  }

  /** What happens to jobs from now on. */
  behave(behaviour: FakeRunnerBehaviour): void {
    this.#behaviour = behaviour;
  }

  protected override get kept() {
    return this.jobs;
  }

  protected override answer(request: IncomingMessage, response: ServerResponse): void {
    void this.#serve(request, response);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "/";
    if (path === "/health") return json(response, this.healthStatus, this.#health());
    if (path === "/version") return json(response, 200, { ...this.#served(), version: "0.14.1" });
    if (path === "/hardware/info") return json(response, 200, { ...this.#served(), gpu_info: FAKE_GPUS });
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return;
    }
    const job = { ...jobOf(request, Buffer.concat(chunks)), left: leftOf(response) };
    this.jobs.push(job);
    this.tell();
    const answer = await this.#behaviour(job);
    if (answer === "hang") return;
    if (answer === "crash") {
      request.socket.destroy();
      return;
    }
    response.writeHead(answer.status ?? 200, { "content-type": "application/json", ...answer.headers });
    response.end(answer.body);
  }

  #health() {
    if (!this.listsModels) return { status: "OK" };
    const models = this.models.map(({ pipeline, model, warm = true, slots = 1 }) => ({
      pipeline,
      model_id: model,
      warm,
      slots,
      free: slots,
      state: warm ? "ready" : "cold",
    }));
    return { status: "OK", models };
  }

  #served() {
    const [first] = this.models;
    return { pipeline: first?.pipeline ?? "", model_id: first?.model ?? "" };
  }
}

const FAKE_GPUS = {
  "0": { id: "GPU-1", name: "T4", memory_total: 20, memory_free: 10, major: 7, minor: 5 },
};

/** Held until `open` is called: for jobs that a test wants to be under way. */
export class Gate {
  readonly #opened = Promise.withResolvers<void>();

  open(): void {
    this.#opened.resolve();
  }

  /** The behaviour, once the gate is open. */
  before(behaviour: FakeRunnerBehaviour): FakeRunnerBehaviour {
    return async (job) => {
      await this.#opened.promise;
      return await behaviour(job);
    };
  }
}

/** A correct answer to any job: pictures of the asked size with their seeds, and short texts. */
export const answersWell: FakeRunnerBehaviour = async (job) => {
  const body = JSON.stringify(await goodAnswers[job.pipeline]?.(job.fields));
  const streams = findPipeline(job.pipeline)?.streams?.(job.fields) === true;
  const headers = { "server-timing": "queue;dur=1, load;dur=0, inference;dur=25" };
  return streams ? { headers: { ...headers, "content-type": "text/event-stream" }, body: events() } : { headers, body };
};

/** An answer that a peer might give and nobody can use. */
export const answersRubbish: FakeRunnerBehaviour = () => ({ body: '{"imagess": 7' });

export const hangs: FakeRunnerBehaviour = () => "hang";

export const crashes: FakeRunnerBehaviour = () => "crash";

/** A refusal in the schema of runners. */
export function refuses(status: number, msg: string): FakeRunnerBehaviour {
  return () => ({ status, body: JSON.stringify({ detail: { msg } }) });
}

/** A refusal as one of our own runners tells it. */
export function tells(error: RivuletError): FakeRunnerBehaviour {
  return () => ({ status: httpOf(error), body: JSON.stringify(errorBody(error)) });
}

const goodAnswers: Readonly<Record<string, (fields: Readonly<Record<string, unknown>>) => unknown>> = {
  "text-to-image": images,
  "image-to-image": images,
  upscale: images,
  "image-to-video": async () => ({ frames: [[{ url: await picture(8, 8), seed: 1, nsfw: false }]] }),
  "audio-to-text": () => ({ text: "hello", chunks: [{ timestamp: [0, 1], text: "hello" }] }),
  "segment-anything-2": () => ({ masks: "[[[0]]]", scores: "[1]", logits: "[[[0]]]" }),
  llm: () => chunk({ message: { role: "assistant", content: "hello" } }, "stop"),
  "image-to-text": () => ({ text: "a picture" }),
  "text-to-speech": () => ({ audio: { url: `data:audio/wav;base64,${silence().toString("base64")}` } }),
};

async function images(fields: Readonly<Record<string, unknown>>) {
  const { width = 8, height = 8, seed = 1, num_images_per_prompt: count = 1 } = fields;
  const url = await picture(Number(width), Number(height));
  return {
    images: Array.from({ length: Number(count) }, (_, index) => ({ url, seed: Number(seed) + index, nsfw: false })),
  };
}

async function picture(width: number, height: number): Promise<string> {
  const data = new Uint8Array(width * height * 3).fill(128);
  return `data:image/png;base64,${Buffer.from(await encodePng({ width, height, data })).toString("base64")}`;
}

function events(): string {
  const delta = (content: string, reason: string) => chunk({ delta: { role: "assistant", content } }, reason);
  return [delta("hel", ""), delta("lo", ""), delta("", "stop")]
    .map((event) => `data: ${JSON.stringify(event)}\n\n`)
    .concat("data: [DONE]\n\n")
    .join("");
}

function chunk(said: object, reason: string) {
  return {
    id: "chatcmpl-1",
    model: "m",
    created: 1,
    usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
    choices: [{ index: 0, finish_reason: reason, ...said }],
  };
}

/** A tenth of a second at 8 kHz. */
function silence(): Buffer {
  return Buffer.from(encodeWav(new Float32Array(800), 8000));
}

function jobOf(request: IncomingMessage, body: Buffer): Omit<FakeRunnerJob, "left"> {
  const name = (request.url ?? "/").slice(1);
  const pipeline = findPipeline(name);
  const { headers } = request;
  const boundary = findBoundary(headers["content-type"], "form-data");
  const none = { pipeline: name, fields: {}, files: new Map(), headers };
  if (pipeline === undefined) return none;
  if (boundary === undefined) return { ...none, fields: parseRequest(pipeline, JSON.parse(body.toString("utf8"))) };
  const { fields, files } = formOf(parseMultipart(body, boundary));
  return {
    ...none,
    fields: parseFields(pipeline, fields),
    files: new Map([...files].map(([field, { bytes }]) => [field, bytes])),
  };
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}
