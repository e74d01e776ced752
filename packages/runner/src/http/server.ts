import { createHash, timingSafeEqual } from "node:crypto";
import multipart from "@fastify/multipart";
import { batchPipelines, openApiDocument, type Pipeline } from "@rivulet/pipelines";
import {
  isError,
  jsonBody,
  type Logger,
  type Milliseconds,
  minutes,
  type Randomness,
  RivuletError,
  randomId,
  type Startable,
  seconds,
} from "@rivulet/primitives";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Hardware } from "../hardware.ts";
import type { RunTimings } from "../model-pool.ts";
import type { Runner, RunnerJob } from "../runner.ts";
import { RUNNER_COMPATIBILITY_VERSION, RUNNER_VERSION } from "../version.ts";
import { answerTo, type Peer } from "./answers.ts";
import { docsPage } from "./docs-page.ts";
import { JobEvents } from "./job-events.ts";
import { JobParts } from "./job-parts.ts";
import { MAX_JSON_BYTES, multipartLimits, readBody } from "./read-body.ts";

export interface RunnerServerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** When set, inference and cancelling ask for it as a bearer token. */
  readonly authToken?: string;
  readonly peer?: Peer;
}

export interface RunnerServerPorts {
  readonly runner: Runner;
  readonly hardware: Hardware;
  readonly randomness: Randomness;
  readonly log: Logger;
}

/** From the first byte of a request to its last; 50 MiB at 1.4 Mbit/s. */
const RECEIVE_TIMEOUT: Milliseconds = minutes(5);
/** How long callers have to take their last answer when the server stops. */
const FAREWELL: Milliseconds = seconds(1);
/** Names a caller may give its job, to be able to cancel it before the answer names it. */
const JOB_ID = /^[\w-]{8,64}$/;

/**
 * The HTTP surface of a runner: that of the published one, with our extensions. Source: runner-and-models 1, 2, 9.
 *
 * The token is looked at before the body, so that strangers cannot make us read large ones. Everything but inference
 * answers at once at all times, because inference happens in other processes.
 *
 * Owns a port. `start` throws `node.cannot-start` when it is taken; `stop` calls off the jobs under way.
 */
export class RunnerServer implements Startable {
  readonly #options: RunnerServerOptions;
  readonly #ports: RunnerServerPorts;
  readonly #app: FastifyInstance;
  readonly #jobs = new Map<string, AbortController>();
  readonly #paths = new Set<string>();
  #url: string | undefined;
  #isStopping = false;

  constructor(options: RunnerServerOptions, ports: RunnerServerPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#app = fastify({
      bodyLimit: MAX_JSON_BYTES,
      requestTimeout: RECEIVE_TIMEOUT,
      forceCloseConnections: "idle",
      routerOptions: { ignoreTrailingSlash: true },
    });
    this.#app.removeAllContentTypeParsers();
    this.#app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
    this.#app.register(multipart, { limits: multipartLimits });
    this.#app.addHook("onRequest", async (_request, reply) => {
      reply.header("Server", `rivulet-runner/${RUNNER_VERSION}`);
    });
    this.#app.addHook("onSend", async (_request, reply) => {
      if (this.#isStopping) reply.header("Connection", "close");
    });
    this.#app.setErrorHandler((error, _request, reply) => this.#refuse(reply, transportError(error)));
    this.#app.setNotFoundHandler((request, reply) => this.#notFound(request, reply));
    this.#app.register(async (app) => this.#route(app));
  }

  /** Where the server listens. Throws `runner.unavailable` before `start`. */
  get url(): string {
    if (this.#url === undefined) throw new RivuletError("runner.unavailable", { reason: "not started" });
    return this.#url;
  }

  async start(): Promise<void> {
    const { host, port } = this.#options;
    try {
      this.#url = await this.#app.listen({ host, port });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new RivuletError("node.cannot-start", { reason }, { cause });
    }
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const job of this.#jobs.values()) job.abort(new RivuletError("node.stopping", {}));
    const cutOff = setTimeout(() => this.#app.server.closeAllConnections(), FAREWELL);
    await this.#app.close();
    clearTimeout(cutOff);
  }

  #route(app: FastifyInstance): void {
    const { runner, hardware } = this.#ports;
    const [first] = runner.models;
    const served = { pipeline: first?.config.pipeline.name ?? "", model_id: first?.config.model ?? "" };
    const get = (path: string, answer: (reply: FastifyReply) => unknown) => {
      this.#paths.add(path);
      app.get(path, async (_request, reply) => answer(reply.header("Cache-Control", "no-store")));
    };

    get("/health", () => runner.health);
    get("/hardware/info", async () => ({ ...served, gpu_info: await hardware.gpus() }));
    get("/hardware/stats", async () => ({ ...served, gpu_stats: await hardware.gpus() }));
    get("/version", () => ({ ...served, version: RUNNER_COMPATIBILITY_VERSION }));
    get("/metrics", (reply) => reply.type("text/plain; version=0.0.4").send(runner.metrics.text(runner.models)));
    get("/openapi.json", () => openApiDocument({ audience: "runner", version: RUNNER_COMPATIBILITY_VERSION }));
    get("/docs", (reply) => reply.type("text/html; charset=utf-8").send(docsPage(runner)));

    app.addHook("onRequest", async (request) => {
      if (request.method === "POST" || request.method === "DELETE") this.#authenticate(request);
    });
    for (const pipeline of batchPipelines.filter((candidate) => runner.modelsOf(candidate).length > 0)) {
      this.#paths.add(`/${pipeline.name}`);
      app.post(`/${pipeline.name}`, (request, reply) => this.#infer(pipeline, request, reply));
    }
    app.delete<{ Params: { id: string } }>("/jobs/:id", async (request, reply) => {
      const job = this.#jobs.get(request.params.id);
      if (job === undefined) return this.#notFound(request, reply);
      job.abort(new RivuletError("request.cancelled", { reason: "by its caller's wish" }));
      return reply.code(204).send();
    });
  }

  async #infer(pipeline: Pipeline, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const { fields, media } = await readBody(request);
    const job = this.#ports.runner.prepare(pipeline, fields, media);
    const { id, controller } = this.#register(request);
    const response = reply.raw;
    const leave = () => {
      if (!response.writableFinished) controller.abort(new RivuletError("request.cancelled", {}));
    };
    response.once("close", leave);
    if (request.raw.socket.destroyed) leave();
    reply.header("X-Job-Id", id);
    try {
      if (pipeline.streams?.(job.request)) return await this.#runAsParts(job, id, controller.signal, reply);
      if (wantsEvents(request)) return await this.#runAsEvents(job, id, controller.signal, reply);
      return await this.#runAsAnswer(job, controller.signal, reply);
    } finally {
      this.#jobs.delete(id);
    }
  }

  async #runAsAnswer(job: RunnerJob, signal: AbortSignal, reply: FastifyReply): Promise<unknown> {
    const { response, timings } = await this.#ports.runner.run(job, { signal });
    return reply
      .header("Server-Timing", serverTiming(timings))
      .header("X-Usage-Units", job.work.amount.toString())
      .type("application/json; charset=utf-8")
      .send(jsonBody(response));
  }

  async #runAsParts(job: RunnerJob, id: string, signal: AbortSignal, reply: FastifyReply): Promise<unknown> {
    const parts = new JobParts(reply.raw, headersOf(id), job.pipeline);
    try {
      await this.#ports.runner.run(job, {
        signal,
        onEvent: (event) => event.kind === "part" && parts.tell(event.part),
      });
      reply.hijack();
      parts.done();
    } catch (error) {
      if (!parts.hasBegun) throw error;
      reply.hijack();
      parts.failed(isError(error) ? error.message : "the model failed");
    }
    return reply;
  }

  async #runAsEvents(job: RunnerJob, id: string, signal: AbortSignal, reply: FastifyReply): Promise<unknown> {
    const events = new JobEvents(reply.raw, headersOf(id));
    try {
      const { response } = await this.#ports.runner.run(job, {
        signal,
        onEvent: (event) => events.tell(job, event),
      });
      reply.hijack();
      events.done(response);
    } catch (error) {
      if (!events.hasBegun) throw error;
      reply.hijack();
      const { status, body } = answerTo(error, this.#options.peer ?? "rivulet");
      events.failed(status, body);
    }
    return reply;
  }

  /** Gives a job its name: the one the caller wants, if it is one and free, or an unguessable one. */
  #register(request: FastifyRequest): { readonly id: string; readonly controller: AbortController } {
    const wanted = request.headers["x-job-id"];
    const isTaken = typeof wanted !== "string" || !JOB_ID.test(wanted) || this.#jobs.has(wanted);
    const id = isTaken ? randomId(this.#ports.randomness) : wanted;
    const controller = new AbortController();
    this.#jobs.set(id, controller);
    return { id, controller };
  }

  #authenticate(request: FastifyRequest): void {
    const { authToken } = this.#options;
    if (authToken === undefined || authToken === "") return;
    const [scheme = "", token = ""] = (request.headers.authorization ?? "").split(" ");
    if (scheme.toLowerCase() !== "bearer" || !isSame(token, authToken)) throw new RivuletError("auth.rejected", {});
  }

  #notFound(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const path = request.url.split("?")[0]?.replace(/\/$/, "") ?? "";
    const isKnown = this.#paths.has(path);
    const code = isKnown ? "request.method-not-allowed" : "request.not-found";
    return reply
      .code(isKnown ? 405 : 404)
      .header("X-Rivulet-Code", code)
      .send({ detail: isKnown ? "Method Not Allowed" : "Not Found" });
  }

  #refuse(reply: FastifyReply, error: unknown): FastifyReply {
    if (!isError(error))
      this.#ports.log.error("request failed", { reason: error instanceof Error ? error.stack : String(error) });
    const { status, headers, body } = answerTo(error, this.#options.peer ?? "rivulet");
    return reply.code(status).headers(headers).send(body);
  }
}

/** What the HTTP library refuses by itself, in our words; anything else as it is. */
function transportError(error: unknown): unknown {
  if (isError(error) || !(error instanceof Error) || !("statusCode" in error)) return error;
  if (error.statusCode === 413) return new RivuletError("request.too-large", { limitBytes: MAX_JSON_BYTES });
  return typeof error.statusCode === "number" && error.statusCode < 500
    ? new RivuletError("request.malformed", { reason: error.message }, { cause: error })
    : error;
}

/** Of answers that go past the HTTP library. */
function headersOf(id: string): Readonly<Record<string, string>> {
  return { "X-Job-Id": id, Server: `rivulet-runner/${RUNNER_VERSION}` };
}

function wantsEvents(request: FastifyRequest): boolean {
  return /\btext\/event-stream\b/i.test(request.headers.accept ?? "");
}

function serverTiming({ queueMs, loadMs, inferenceMs }: RunTimings): string {
  const parts = { queue: queueMs, load: loadMs, inference: inferenceMs };
  return Object.entries(parts)
    .map(([name, duration]) => `${name};dur=${duration.toFixed(1)}`)
    .join(", ");
}

/** Compares in a time that does not depend on how much agrees. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
