import { once } from "node:events";
import type { IncomingHttpHeaders } from "node:http";
import { batchPipelines, type Delivery, laterRequest, openApiDocument, type Pipeline } from "@rivulet/pipelines";
import {
  type BodyBudget,
  codeOf,
  errorBody,
  invariant,
  type Logger,
  type Randomness,
  RivuletError,
} from "@rivulet/primitives";
import {
  type Charge,
  COMPATIBILITY_VERSION,
  chargeHeaders,
  chargeTrailer,
  EVENT_STREAM_HEADERS,
  eventOf,
  serverTiming,
} from "@rivulet/wire";
import type { StreamAnswer } from "../attempt.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import type { Explanation, Wanted } from "../explanation.ts";
import type { AnsweredJob, JobRunner } from "../job.ts";
import type { LaterResults } from "../later-results.ts";
import type { JobPayment } from "../paying/payer.ts";
import type { PreparedJob } from "../prepared-job.ts";
import type { ResultStore } from "../result-store.ts";
import type { FetchedFile } from "../verification.ts";
import { baseUrlOf, deliver, preferredDelivery, prefersLater } from "./delivery.ts";
import type { Exchange } from "./exchange.ts";
import { logFailure } from "./failure-log.ts";
import { type Prepared, type PrepareOptions, prepareJob } from "./prepare.ts";

export interface RouteOptions extends PrepareOptions {
  readonly maxFormBytes: number;
  readonly maxJsonBytes: number;
  readonly delivery: Delivery;
  readonly publicUrl: string | undefined;
  readonly version: string;
}

export interface RoutePorts {
  readonly authenticator: Authenticator;
  readonly jobs: JobRunner;
  readonly store: ResultStore;
  readonly later: LaterResults;
  /** Does work that nobody waits for, until it ends or the gateway stops. */
  readonly background: (work: (signal: AbortSignal) => Promise<void>) => void;
  readonly budget: BodyBudget;
  readonly randomness: Randomness;
  readonly log: Logger;
  /** Why the gateway cannot take jobs yet; `undefined` when it can. */
  readonly whyNotReady: () => string | undefined;
  readonly network: () => unknown;
  readonly explain: (wanted: Wanted) => Explanation;
  /** Where the gateway listens. */
  readonly local: () => { readonly host: string; readonly port: number };
}

/** What stands at one address. */
export interface Route {
  readonly methods: readonly string[];
  handle(exchange: Exchange): void | Promise<void>;
}

/** Every address of the gateway, the results at `/stream/…` left out. One for each pipeline of the registry. */
export function routes(options: RouteOptions, ports: RoutePorts): ReadonlyMap<string, Route> {
  const document = Buffer.from(JSON.stringify(openApiDocument({ audience: "gateway", version: options.version })));
  const versions = { version: options.version, compatibility: COMPATIBILITY_VERSION };
  const reading = ["GET", "HEAD"];
  return new Map<string, Route>([
    ...batchPipelines.map((pipeline) => [`/${pipeline.name}`, batchRoute(pipeline, options, ports)] as const),
    ...batchPipelines
      .filter(({ answersLater }) => answersLater === true)
      .map(({ name }) => [`/${name}/result`, laterRoute(ports)] as const),
    [
      "/openapi.json",
      { methods: reading, handle: (exchange) => exchange.send(200, { "content-type": "application/json" }, document) },
    ],
    ["/healthz", { methods: reading, handle: (exchange) => exchange.json(200, { status: "ok" }) }],
    [
      "/readyz",
      {
        methods: reading,
        handle: (exchange) => {
          const reason = ports.whyNotReady();
          if (reason === undefined) exchange.json(200, { status: "ready" });
          else exchange.json(503, { status: "not ready", reason }, { "retry-after": "1" });
        },
      },
    ],
    ["/version", { methods: reading, handle: (exchange) => exchange.json(200, versions) }],
    [
      "/network",
      {
        methods: reading,
        handle: async (exchange) => {
          await authenticate(exchange, ports.authenticator);
          exchange.json(200, ports.network());
        },
      },
    ],
    [
      "/network/explain",
      {
        methods: reading,
        handle: async (exchange) => {
          await authenticate(exchange, ports.authenticator);
          const { pipeline, model } = wantedIn(exchange);
          exchange.json(200, ports.explain({ pipeline, model: model ?? pipeline.defaultModel }));
        },
      },
    ],
    ["/network/estimate", estimateRoute(options, ports)],
  ]);
}

/** A stored result: whoever knows its name may read it. */
export function resultRoute(store: ResultStore): Route {
  return {
    methods: ["GET", "HEAD"],
    handle: (exchange) => {
      const file = store.find(exchange.path.slice("/stream/".length));
      if (file === undefined) throw new RivuletError("request.not-found", {});
      exchange.send(
        200,
        {
          "content-type": file.contentType,
          "access-control-allow-origin": "*",
          "cache-control": "private, max-age=300, immutable",
          "x-content-type-options": "nosniff",
        },
        file.bytes,
      );
    },
  };
}

function batchRoute(pipeline: Pipeline, options: RouteOptions, ports: RoutePorts): Route {
  const limit = limitOf(pipeline, options);
  return {
    methods: ["POST"],
    handle: async (exchange) => {
      const { headers } = exchange.request;
      await authenticate(exchange, ports.authenticator);
      using held = new DisposableStack();
      const room = held.use(ports.budget.open());
      const raw = { contentType: headers["content-type"], bytes: await exchange.body(limit, room) };
      const prepared = prepareJob(pipeline, exchange.id, raw, options, ports);
      if (pipeline.answersLater === true && prefersLater(headers)) {
        answerLater(prepared, exchange, held.move(), options, ports);
        return;
      }
      using answered = await done(prepared.job, exchange.signal, ports);
      const { answer } = answered;
      const told = headersOf(prepared.job, answered);
      if (answer.kind === "stream") {
        await stream(exchange, answer, told);
      } else {
        handOver(answer.files, prepared, headers, options, ports);
        exchange.json(200, answer.response, told);
      }
    },
  };
}

async function done(job: PreparedJob, signal: AbortSignal, { jobs, log }: RoutePorts): Promise<AnsweredJob> {
  const answered = await jobs.run(job, signal);
  log.info("job answered", {
    requestId: job.id,
    pipeline: job.pipeline.name,
    model: job.model,
    orchestrator: answered.orchestrator,
    ...answered.timings,
  });
  return answered;
}

function handOver(
  files: readonly FetchedFile[],
  { delivery }: Prepared,
  headers: IncomingHttpHeaders,
  options: RouteOptions,
  { store, local }: RoutePorts,
): void {
  const wanted = delivery ?? preferredDelivery(headers) ?? options.delivery;
  deliver(files, wanted, store, baseUrlOf(headers, options.publicUrl, local));
}

/** Answers with the name of the request, and does the job without its caller. */
function answerLater(
  prepared: Prepared,
  exchange: Exchange,
  held: DisposableStack,
  options: RouteOptions,
  ports: RoutePorts,
): void {
  const { job } = prepared;
  const { id, request } = exchange;
  const { later } = ports;
  try {
    // Who has left does not learn the name of the job: nobody could ask for what is paid.
    exchange.signal.throwIfAborted();
    later.begin(id);
  } catch (error) {
    held.dispose();
    throw error;
  }
  ports.background(async (signal) => {
    using _held = held;
    try {
      using answered = await done(job, signal, ports);
      const { answer } = answered;
      invariant(answer.kind === "response", "what is answered later is no stream");
      handOver(answer.files, prepared, request.headers, options, ports);
      later.complete(id, answer.response, headersOf(job, answered));
    } catch (error) {
      const fields = { requestId: id, pipeline: job.pipeline.name, code: codeOf(error) };
      logFailure(ports.log, { foreseen: "job failed", unforeseen: "job failed" }, error, fields);
      later.complete(id, errorBody(error), {});
    }
  });
  exchange.json(202, { request_id: id }, { "preference-applied": "respond-async" });
}

/** The largest body that names a request. */
const MAX_NAME_BYTES = 4096;

/** What became of a job whose caller did not wait. Source: runner-and-models 1.14. */
function laterRoute({ authenticator, budget, later }: RoutePorts): Route {
  return {
    methods: ["POST"],
    handle: async (exchange) => {
      await authenticate(exchange, authenticator);
      using room = budget.open();
      const result = later.find(namedIn(await exchange.body(MAX_NAME_BYTES, room)));
      if (result === undefined)
        throw new RivuletError("request.malformed", {
          reason: "no request of this request_id is known, or its result is no longer kept",
        });
      if (result.kind === "processing") exchange.json(202, { status: "processing" });
      else exchange.send(200, { "content-type": "application/json", ...result.headers }, result.body);
    },
  };
}

function namedIn(bytes: Uint8Array): string {
  try {
    return laterRequest.parse(JSON.parse(new TextDecoder().decode(bytes))).request_id;
  } catch (cause) {
    throw new RivuletError("request.malformed", { reason: 'the body must be {"request_id": "…"}' }, { cause });
  }
}

/** What a request would cost, and where: the body is the request, the query names its pipeline. Nobody does the work. */
function estimateRoute(options: RouteOptions, ports: RoutePorts): Route {
  return {
    methods: ["POST"],
    handle: async (exchange) => {
      await authenticate(exchange, ports.authenticator);
      const { pipeline } = wantedIn(exchange);
      using room = ports.budget.open();
      const bytes = await exchange.body(limitOf(pipeline, options), room);
      const raw = { contentType: exchange.request.headers["content-type"], bytes };
      const { job } = prepareJob(pipeline, exchange.id, raw, options, ports);
      exchange.json(200, ports.explain(job));
    },
  };
}

/** Throws "request.invalid" for a query that names no pipeline. */
function wantedIn({ request }: Exchange): { readonly pipeline: Pipeline; readonly model: string | undefined } {
  const { searchParams } = new URL(request.url ?? "/", "http://gateway");
  const name = searchParams.get("pipeline") ?? "";
  const pipeline = batchPipelines.find((each) => each.name === name);
  if (pipeline !== undefined) return { pipeline, model: searchParams.get("model") ?? undefined };
  const msg = `must be one of ${batchPipelines.map((each) => each.name).join(", ")}`;
  throw new RivuletError("request.invalid", { problems: [{ loc: ["query", "pipeline"], msg, type: "literal_error" }] });
}

function limitOf(pipeline: Pipeline, { maxFormBytes, maxJsonBytes }: RouteOptions): number {
  return Object.keys(pipeline.media).length > 0 ? maxFormBytes : maxJsonBytes;
}

async function authenticate({ request, path }: Exchange, authenticator: Authenticator): Promise<void> {
  await authenticator.authenticate({ authorization: request.headers.authorization, path });
}

function headersOf(job: PreparedJob, { answer, orchestrator, timings }: AnsweredJob) {
  const { payment } = answer;
  return {
    "x-orchestrator": orchestrator,
    "x-units": String(job.work.amount),
    "server-timing": serverTiming({ ...timings }),
    ...(payment && chargeHeaders(chargeIn(payment))),
  };
}

/**
 * Passes events on at the client's pace. A failure after the first event is told as an event: the status is gone. What a
 * paid stream came to is told in trailers; its head tells the most.
 */
async function stream(
  exchange: Exchange,
  { events, payment, charged }: StreamAnswer,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const { id, request, response, signal } = exchange;
  const announced = payment && chargeTrailer(request);
  response.writeHead(200, { ...EVENT_STREAM_HEADERS, "x-request-id": id, ...headers, ...announced });
  response.flushHeaders();
  try {
    for await (const event of events) if (!response.write(eventOf(event))) await once(response, "drain", { signal });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    response.write(`event: error\n${eventOf(JSON.stringify(errorBody(error)))}`);
  }
  const final = charged();
  if (final !== undefined) response.addTrailers(chargeHeaders(chargeIn(final)));
  exchange.end();
}

function chargeIn({ units, price, fee }: JobPayment): Charge {
  return { units, price, cost: fee };
}
