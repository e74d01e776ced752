import { type ErrorCode, errorKinds } from "@rivulet/primitives";
import { z } from "zod";
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiResponseObject } from "zod-openapi";
import { laterAccepted, laterRequest, preferHeader, responseFormat } from "./delivery.ts";
import { errorBody, fieldProblemsBody } from "./error-schemas.ts";
import { makesFiles, type Pipeline } from "./pipeline.ts";
import { batchPipelines, pipelines } from "./registry.ts";
import { hardwareInfo, hardwareStats, runnerHealth, runnerVersion } from "./runner-info.ts";

export interface OpenApiOptions {
  /** Who answers: a gateway to applications, or a runner to its orchestrator or worker. */
  readonly audience: Audience;
  /** Of the software that answers. */
  readonly version: string;
  readonly servers?: readonly { readonly url: string; readonly description?: string }[];
}

export type Audience = "gateway" | "runner";
export type OpenApiDocument = ReturnType<typeof createDocument>;

/** The HTTP interface of a role as an OpenAPI 3.1 document, derived from the registry and nothing else. */
export function openApiDocument({ audience, version, servers }: OpenApiOptions): OpenApiDocument {
  const { title, description, offered, others } = audiences[audience];
  const failures = failuresFor(audience);
  const operations = offered.flatMap((pipeline: Pipeline) => [
    [`/${pipeline.name}`, { post: operation(pipeline, audience, failures) }] as const,
    ...(comesLater(pipeline, audience)
      ? [[`/${pipeline.name}/result`, { post: laterOperation(pipeline) }] as const]
      : []),
  ]);
  return createDocument(
    {
      openapi: "3.1.0",
      info: { title, version, description },
      ...(servers === undefined ? {} : { servers: servers.map((server) => ({ ...server })) }),
      paths: { ...Object.fromEntries(operations), ...others },
      components: { securitySchemes: { HTTPBearer: { type: "http", scheme: "bearer" } } },
    },
    { override: ({ jsonSchema }) => simplify(jsonSchema) },
  );
}

const BEARER = [{ HTTPBearer: [] }];

const audiences = {
  gateway: {
    title: "Rivulet gateway",
    description: "Pictures, video, speech and text from the models of a network of orchestrators.",
    offered: batchPipelines,
    others: {},
  },
  runner: {
    title: "Livepeer AI Runner",
    description: "The models of one machine.",
    offered: pipelines,
    others: {
      "/health": question("health", "Whether the runner can take work.", runnerHealth),
      "/hardware/info": question("hardware_info", "The devices of the runner.", hardwareInfo),
      "/hardware/stats": question("hardware_stats", "How busy the devices are.", hardwareStats),
      "/version": question("version", "The version of the runner.", runnerVersion),
    },
  },
} as const;

/** The errors each audience can meet, beside those that only come with files. */
const errors: Readonly<Record<Audience, readonly ErrorCode[]>> = {
  gateway: [
    "request.malformed",
    "request.invalid",
    "request.too-large",
    "request.rejected-by-model",
    "auth.rejected",
    "auth.unavailable",
    "model.not-offered",
    "network.no-orchestrators",
    "network.all-busy",
    "peer.bad-result",
    "peer.failed",
    "job.deadline-exceeded",
    "node.stopping",
    "node.overloaded",
    "internal",
  ],
  runner: [
    "request.malformed",
    "request.invalid",
    "request.too-large",
    "request.rejected-by-model",
    "auth.rejected",
    "model.unknown",
    "model.load-failed",
    "capacity.exhausted",
    "runner.out-of-memory",
    "runner.failed",
    "node.stopping",
    "internal",
  ],
};
const mediaErrors: readonly ErrorCode[] = ["request.media-undecodable", "request.media-unsupported"];

function operation(pipeline: Pipeline, audience: Audience, failures: Failures): ZodOpenApiOperationObject {
  const isMultipart = Object.keys(pipeline.media).length > 0;
  const takesDelivery = audience === "gateway" && makesFiles(pipeline);
  const body = bodyOf(pipeline, takesDelivery);
  return {
    operationId: pipeline.operationId,
    summary: pipeline.summary,
    tags: ["generate"],
    security: BEARER,
    ...(takesDelivery && { requestParams: { header: z.object({ Prefer: preferHeader }) } }),
    requestBody: {
      required: true,
      content: isMultipart
        ? { "multipart/form-data": { schema: body } }
        : { "application/json": { schema: body, example: pipeline.example } },
    },
    responses: {
      "200": success(pipeline, audience),
      ...(comesLater(pipeline, audience) && {
        "202": {
          description: "The job is under way: its request said `Prefer: respond-async`.",
          content: { "application/json": { schema: laterAccepted } },
        },
      }),
      ...failures[isMultipart ? "withFiles" : "always"],
    },
  };
}

/** Whether an application may ask for the result of a job later. */
function comesLater({ answersLater }: Pipeline, audience: Audience): boolean {
  return audience === "gateway" && answersLater === true;
}

function laterOperation({ operationId, response }: Pipeline): ZodOpenApiOperationObject {
  const processing = z.object({ status: z.literal("processing") });
  const complete = z.object({
    status: z.literal("complete"),
    result: z.union([response, errorBody]).describe("The answer of the job, or the error it ended with."),
  });
  return {
    operationId: `${operationId}Result`,
    summary: "What became of a job that was answered with the name of its request.",
    tags: ["generate"],
    security: BEARER,
    requestBody: { required: true, content: { "application/json": { schema: laterRequest } } },
    responses: {
      "200": { description: "It has ended.", content: { "application/json": { schema: complete } } },
      "202": { description: "It is under way.", content: { "application/json": { schema: processing } } },
      "400": {
        description: "`request.malformed`: no such request is known, or its result is no longer kept.",
        content: { "application/json": { schema: errorBody } },
      },
    },
  };
}

function success(pipeline: Pipeline, audience: Audience): ZodOpenApiResponseObject {
  const schema = audience === "runner" ? (pipeline.runnerResponse ?? pipeline.response) : pipeline.response;
  return {
    description: "The result.",
    ...(audience === "gateway" ? { headers: answerHeaders } : {}),
    content: {
      "application/json": { schema },
      ...(pipeline.streams === undefined ? {} : { "text/event-stream": { schema } }),
    },
  };
}

function header(id: string, description: string) {
  return z.string().meta({ description, header: { id } });
}

function paidHeader(id: string, description: string) {
  return z.string().optional().meta({ description, header: { id } });
}

const requestId = header("X-Request-Id", "Names the request in logs and reports.");

/** What a gateway says about a job beside its result. */
export const answerHeaders = z.object({
  "X-Request-Id": requestId,
  "X-Orchestrator": header("X-Orchestrator", "Who did the work."),
  "X-Units": header("X-Units", "The work that is billed, in the pipeline's unit."),
  "X-Price-Wei": paidHeader("X-Price-Wei", "What a unit costs, where work is paid: wei, as an exact fraction."),
  "X-Cost-Wei": paidHeader(
    "X-Cost-Wei",
    "What the work cost, where it is paid: wei, as an exact fraction. At the head of a stream the most it can cost; its trailers tell what it came to.",
  ),
  "Server-Timing": header(
    "Server-Timing",
    "Where the time went, in milliseconds: selection, queue, load, inference, transfer.",
  ),
});

const retryAfter = z
  .int()
  .min(1)
  .optional()
  .meta({ description: "Seconds after which to try again.", header: { id: "Retry-After" } });

/** What stands beside an error. */
function errorHeaders(status: number, audience: Audience): Pick<ZodOpenApiResponseObject, "headers"> {
  const shape = {
    ...(audience === "gateway" && { "X-Request-Id": requestId }),
    ...(status === 503 && { "Retry-After": retryAfter }),
  };
  return Object.keys(shape).length === 0 ? {} : { headers: z.object(shape) };
}

type Responses = Record<`${1 | 2 | 3 | 4 | 5}${string}`, ZodOpenApiResponseObject>;

interface Failures {
  readonly always: Responses;
  readonly withFiles: Responses;
}

/** The error responses of an audience, each a component, so that operations share them. */
function failuresFor(audience: Audience): Failures {
  const always = responses(errors[audience], "", audience);
  const mediaStatuses = new Set(mediaErrors.map((code) => errorKinds[code].http));
  const sharing = [...errors[audience], ...mediaErrors].filter((code) => mediaStatuses.has(errorKinds[code].http));
  return { always, withFiles: { ...always, ...responses(sharing, "WithFiles", audience) } };
}

/** One response a status, listing the codes that share it. */
function responses(codes: readonly ErrorCode[], suffix: string, audience: Audience): Responses {
  const byStatus = Map.groupBy(codes, (code) => errorKinds[code].http);
  return Object.fromEntries(
    [...byStatus].map(([status, sharing]) => [
      String(status),
      {
        id: `Error${status}${suffix}`,
        description: sharing.map((code) => `\`${code}\`: ${errorKinds[code].text}.`).join(" "),
        ...errorHeaders(status, audience),
        content: { "application/json": { schema: status === 422 ? fieldProblemsBody : errorBody } },
      },
    ]),
  );
}

function question(operationId: string, summary: string, schema: z.ZodType) {
  return {
    get: {
      operationId,
      summary,
      responses: { "200": { description: summary, content: { "application/json": { schema } } } },
    },
  };
}

/** Schemas with an id exist once, so bodies are made once. */
const bodies = new Map<string, z.ZodObject>();

function bodyOf(pipeline: Pipeline, takesDelivery: boolean): z.ZodObject {
  const key = `${pipeline.name} ${takesDelivery}`;
  const body = bodies.get(key) ?? makeBody(pipeline, takesDelivery);
  bodies.set(key, body);
  return body;
}

/** The request, with the fields that are no part of the job: files, and how files are to come. */
function makeBody({ media, request, operationId }: Pipeline, takesDelivery: boolean): z.ZodObject {
  const files = Object.entries(media).map(([field, kind]) => [field, fileField(kind)] as const);
  if (files.length === 0 && !takesDelivery) return request;
  const id = files.length === 0 ? request.meta()?.id : `Body_${operationId}`;
  const fields = {
    ...Object.fromEntries(files),
    ...request.shape,
    ...(takesDelivery && { response_format: responseFormat }),
  };
  return z.object(fields).meta({ ...(id !== undefined && { id }) });
}

function fileField(kind: string) {
  return z.string().meta({ format: "binary", description: `The ${kind} file.` });
}

/** Takes out what the schema library says and the interface does not mean. */
function simplify(schema: object): void {
  // Receivers ignore fields they do not know, ours included.
  drop(schema, "additionalProperties", false);
  drop(schema, "minimum", Number.MIN_SAFE_INTEGER);
  drop(schema, "maximum", Number.MAX_SAFE_INTEGER);
}

function drop(schema: object, key: string, value: unknown): void {
  if (Reflect.get(schema, key) === value) Reflect.deleteProperty(schema, key);
}
