import { batchPipelines } from "@rivulet/pipelines";
import { BodyBudget, RivuletError } from "@rivulet/primitives";
import { COMPATIBILITY_VERSION, RESULTS_PATH } from "@rivulet/wire";
import type { Cashier } from "../cashier.ts";
import type { Discovery } from "../grpc/discovery.ts";
import { RESULT_BODIES_BYTES } from "../limits.ts";
import type { ResultStore } from "../result-store.ts";
import { takeResult } from "../workers/result-post.ts";
import type { Tasks } from "../workers/tasks.ts";
import { type BatchJobOptions, type BatchJobPorts, serveBatchJob } from "./batch-job.ts";
import { answer, answerJson, type HttpRequest, type HttpResponse } from "./exchange.ts";
import { renewParams, takePayment } from "./payments.ts";

/** Where the files of results begin. */
export const STREAM_PREFIX = "/stream/";

/** What stands at one address. */
export type Route = (request: HttpRequest, response: HttpResponse) => unknown;

export interface RouteOptions extends BatchJobOptions {
  /** Without one no worker attaches, and none posts results. */
  readonly workerSecret: string | undefined;
  /** The software's own version. */
  readonly version: string;
}

export interface RoutePorts {
  readonly jobs: BatchJobPorts;
  /** Counts a job until it is answered. Throws when there is no room for it. */
  readonly asJob: (response: HttpResponse, serve: () => Promise<void>) => Promise<void>;
  readonly discovery: Discovery;
  /** Absent off-chain. */
  readonly cashier: Cashier | undefined;
  readonly tasks: Tasks;
  readonly results: ResultStore;
  /** How many models the node would take jobs for, and how many jobs it has. */
  readonly state: () => { readonly models: number; readonly jobs: number };
}

/** Finds what stands at a path: one address for each batch pipeline, and what nodes and operators ask beside. */
export function routes(options: RouteOptions, ports: RoutePorts): (path: string) => Route | undefined {
  const all = new Map([
    ...jobRoutes(options, ports),
    ...paymentRoutes(ports),
    ...workerRoutes(options, ports),
    ...stateRoutes(options, ports),
  ]);
  return (path) =>
    path.startsWith(STREAM_PREFIX)
      ? (request, response) => download(ports.results, path.slice(STREAM_PREFIX.length), request, response)
      : all.get(path);
}

type Entry = readonly [path: string, route: Route];

function jobRoutes(options: RouteOptions, { jobs, asJob }: RoutePorts): readonly Entry[] {
  return batchPipelines.map((pipeline) => [
    `/${pipeline.name}`,
    (request, response) => asJob(response, () => serveBatchJob(pipeline, request, response, options, jobs)),
  ]);
}

function paymentRoutes({ cashier, discovery, jobs }: RoutePorts): readonly Entry[] {
  if (cashier === undefined) return [];
  const ports = { ...jobs, cashier, discovery };
  return [
    ["/payment", posted((request, response) => takePayment(request, response, ports))],
    ["/refresh-payment", posted((request, response) => renewParams(request, response, ports))],
  ];
}

function workerRoutes({ workerSecret }: RouteOptions, { jobs, tasks }: RoutePorts): readonly Entry[] {
  if (workerSecret === undefined) return [];
  const ports = { tasks, bodies: new BodyBudget(RESULT_BODIES_BYTES), log: jobs.log };
  return [[RESULTS_PATH, posted((request, response) => takeResult(request, response, workerSecret, ports))]];
}

function stateRoutes({ version }: RouteOptions, { state }: RoutePorts): readonly Entry[] {
  return [
    ["/healthz", (_request, response) => answer(response, 200, {})],
    [
      "/readyz",
      (_request, response) => {
        const { models, jobs } = state();
        const body = `${JSON.stringify({ isReady: models > 0, models, jobs })}\n`;
        answer(response, models > 0 ? 200 : 503, { "content-type": "application/json" }, body);
      },
    ],
    ["/version", (_request, response) => answerJson(response, { version, compatibility: COMPATIBILITY_VERSION })],
  ];
}

/** Whoever knows the name of a file may read it. */
function download(results: ResultStore, name: string, request: HttpRequest, response: HttpResponse): void {
  onlyFor(request, "GET", "HEAD");
  const file = results.find(name);
  const headers = {
    "access-control-allow-origin": "*",
    "cache-control": "max-age=5",
    "x-content-type-options": "nosniff",
  };
  if (file === undefined) {
    answer(response, 404, { ...headers, "content-type": "text/plain; charset=utf-8" }, "ErrNotFound\n");
    return;
  }
  const { contentType, bytes } = file;
  response.writeHead(200, { ...headers, "content-type": contentType, "content-length": bytes.byteLength });
  response.end(request.method === "HEAD" ? undefined : bytes);
}

function posted(route: Route): Route {
  return (request, response) => {
    onlyFor(request, "POST");
    return route(request, response);
  };
}

function onlyFor(request: HttpRequest, ...methods: readonly string[]): void {
  if (!methods.includes(request.method ?? "")) throw new RivuletError("request.method-not-allowed", {});
}
