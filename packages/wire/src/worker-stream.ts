import { timingSafeEqual } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { RivuletError } from "@rivulet/primitives";
import { type Capabilities, capabilitiesMessage, capabilitiesOf } from "./capabilities.ts";
import { WORKER_PROTOCOL } from "./compat/inline-images.ts";
import { parseContentType } from "./content-type.ts";
import {
  type NotifyAIJob,
  NotifyAIJobSchema,
  type RegisterAIWorkerRequest,
  RegisterAIWorkerRequestSchema,
} from "./gen/lp_rpc_pb.ts";
import { type Hardware, hardwareMessage, hardwareOf } from "./hardware.ts";
import { encodeMixed, findBoundary, type MultipartBody, type Part } from "./multipart.ts";
import { readMessage, writeMessage } from "./protobuf.ts";

/** What a worker says once, when it attaches. */
export interface WorkerRegistration {
  readonly secret: string;
  /** Absent is useless for AI, and legal. */
  readonly capabilities?: Capabilities;
  readonly hardware: readonly Hardware[];
}

/** A job as an orchestrator hands it to a worker. */
export interface WorkerJob {
  /** Names the job in both directions. The first of an orchestrator is 0. */
  readonly taskId: bigint;
  readonly pipeline: string;
  /** See `decodeWorkerRequest`; kept apart, because a job that cannot be read is answered under its task id. */
  readonly requestData: Uint8Array;
}

/** What a worker shall do. */
export interface WorkerRequest {
  /** Where the request's file is fetched; empty when there is none. */
  readonly inputUrl: string;
  readonly request: Readonly<Record<string, unknown>>;
}

/** A result, or why there is none. */
export type ResultKind = "error" | "result" | "events";

/** The content types of results. The boundary of `result` follows it. Source: wire-protocol 5.5. */
export const RESULT_CONTENT_TYPES = {
  error: "livepeer/ai-worker-error",
  result: "multipart/mixed",
  events: "text/event-stream",
} as const satisfies Record<ResultKind, string>;

/** Where results are posted, below the orchestrator's address. */
export const RESULTS_PATH = "/aiResults";

/** The head of a posted result, its sender known to hold the secret. */
export type ResultHead = {
  readonly taskId: bigint;
  readonly pipeline: string;
} & ({ readonly kind: "error" | "events" } | { readonly kind: "result"; readonly boundary: string });

/** A finished job's answer: each file's name stands as `url` in the response. */
export interface WorkerResult {
  readonly response: Readonly<Record<string, unknown>>;
  readonly files: ReadonlyMap<string, { readonly bytes: Uint8Array; readonly contentType: string }>;
}

/** Headers as Node.js gives them: lower-case names. */
export type IncomingHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export function registrationMessage(value: WorkerRegistration): MessageInitShape<typeof RegisterAIWorkerRequestSchema> {
  return {
    secret: value.secret,
    hardware: value.hardware.map(hardwareMessage),
    ...(value.capabilities === undefined ? {} : { capabilities: capabilitiesMessage(value.capabilities) }),
  };
}

/** The value of a message. Throws "request.malformed". */
export function registrationOf(message: RegisterAIWorkerRequest): WorkerRegistration {
  const { capabilities } = message;
  return {
    secret: message.secret,
    hardware: hardwareOf(message.hardware, "request.malformed"),
    ...(capabilities === undefined ? {} : { capabilities: capabilitiesOf(capabilities, "request.malformed") }),
  };
}

export function encodeRegistration(value: WorkerRegistration): Uint8Array {
  return writeMessage(RegisterAIWorkerRequestSchema, registrationMessage(value));
}

/** Throws "request.malformed". */
export function decodeRegistration(bytes: Uint8Array): WorkerRegistration {
  return registrationOf(readMessage(RegisterAIWorkerRequestSchema, bytes, "request.malformed"));
}

export function workerJobMessage({
  taskId,
  pipeline,
  requestData,
}: WorkerJob): MessageInitShape<typeof NotifyAIJobSchema> {
  return { taskId, AIJobData: { pipeline, requestData } };
}

/** The value of a message. Without its inner part it names no pipeline, which the worker answers like any unknown one. */
export function workerJobOf(message: NotifyAIJob): WorkerJob {
  return {
    taskId: message.taskId,
    pipeline: message.AIJobData?.pipeline ?? "",
    requestData: message.AIJobData?.requestData ?? new Uint8Array(),
  };
}

export function encodeWorkerJob(value: WorkerJob): Uint8Array {
  return writeMessage(NotifyAIJobSchema, workerJobMessage(value));
}

/** Throws "peer.protocol". */
export function decodeWorkerJob(bytes: Uint8Array): WorkerJob {
  return workerJobOf(readMessage(NotifyAIJobSchema, bytes, "peer.protocol"));
}

/**
 * A job's request as bytes. Fields that are `undefined` are left out; a file's field is written as `null`, its bytes being
 * behind `inputUrl`. Source: wire-protocol 5.3.
 */
export function encodeWorkerRequest({ inputUrl, request }: WorkerRequest): Uint8Array {
  return Buffer.from(JSON.stringify({ input_url: inputUrl, request }));
}

/** Reads a job's request; fields that are `null` are left out. Throws "peer.protocol". */
export function decodeWorkerRequest(bytes: Uint8Array): WorkerRequest {
  const outer = jsonObject(bytes, "peer.protocol", "the job's data");
  const { input_url: inputUrl = "", request } = outer;
  if (typeof inputUrl !== "string") throw new RivuletError("peer.protocol", { reason: "input_url is not text" });
  if (!isRecord(request)) throw new RivuletError("peer.protocol", { reason: "the job has no request" });
  return { inputUrl, request: Object.fromEntries(Object.entries(request).filter(([, value]) => value !== null)) };
}

/** The headers of a result, all but its content type. */
export function resultHeaders(secret: string, taskId: bigint, pipeline: string): Record<string, string> {
  return {
    authorization: WORKER_PROTOCOL,
    credentials: secret,
    taskid: taskId.toString(),
    pipeline,
  };
}

/**
 * Reads the head of a posted result and checks who posts it, in the network's order.
 *
 * Throws "auth.rejected", "worker.secret-rejected", "request.media-unsupported", "request.malformed".
 */
export function readResultHead(headers: IncomingHeaders, secret: string): ResultHead {
  if (single(headers["authorization"]) !== WORKER_PROTOCOL) throw new RivuletError("auth.rejected", {});
  if (!isSecret(single(headers["credentials"]) ?? "", secret)) throw new RivuletError("worker.secret-rejected", {});
  const contentType = single(headers["content-type"]);
  const taskId = single(headers["taskid"]) ?? "";
  const form = bodyForm(contentType);
  if (!TASK_ID.test(taskId)) throw new RivuletError("request.malformed", { reason: "TaskId is not a whole number" });
  return { taskId: BigInt(taskId), pipeline: single(headers["pipeline"]) ?? "", ...form };
}

/** Writes the body of a finished job. */
export function encodeResult({ response, files }: WorkerResult, boundary?: string): MultipartBody {
  return encodeMixed(files, JSON.stringify(response), boundary);
}

/** Reads the parts of a finished job, in any order. Throws "request.malformed". */
export function resultOf(parts: readonly Part[]): WorkerResult {
  const files = new Map<string, { bytes: Uint8Array; contentType: string }>();
  let response: Record<string, unknown> | undefined;
  for (const { bytes, filename, contentType = "" } of parts) {
    const type = parseContentType(contentType)?.value;
    if (filename === undefined && type === "application/json") {
      if (response !== undefined) throw malformed("more than one result");
      response = jsonObject(bytes, "request.malformed", "the result");
    } else if (filename !== undefined && filename !== "") {
      if (files.has(filename)) throw malformed(`more than one file named ${JSON.stringify(filename)}`);
      files.set(filename, { bytes, contentType: type ?? "" });
    } else {
      throw malformed("a part that is neither the result nor a file");
    }
  }
  if (response === undefined) throw malformed("there is no result");
  return { response, files };
}

/** Digits of an int64 that is not negative. */
const TASK_ID = /^\d{1,19}$/;

/** Compares in a time that tells nothing about the secret but its length. */
export function isSecret(given: string, secret: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(secret);
  return a.length === b.length && timingSafeEqual(a, b);
}

function bodyForm(
  contentType: string | undefined,
): { kind: "error" | "events" } | { kind: "result"; boundary: string } {
  const type = parseContentType(contentType)?.value;
  if (type === RESULT_CONTENT_TYPES.error) return { kind: "error" };
  if (type === RESULT_CONTENT_TYPES.events) return { kind: "events" };
  const boundary = findBoundary(contentType, "mixed");
  if (boundary !== undefined) return { kind: "result", boundary };
  throw new RivuletError("request.media-unsupported", {
    field: "Content-Type",
    reason: contentType === undefined || contentType === "" ? "mime: no media type" : "not a result's content type",
  });
}

function single(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === "string" ? value : value?.[0];
}

function jsonObject(bytes: Uint8Array, code: "peer.protocol" | "request.malformed", what: string) {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (cause) {
    throw new RivuletError(code, { reason: `${what} is not JSON` }, { cause });
  }
  if (!isRecord(value)) throw new RivuletError(code, { reason: `${what} is not a JSON object` });
  return value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function malformed(reason: string): RivuletError {
  return new RivuletError("request.malformed", { reason });
}
