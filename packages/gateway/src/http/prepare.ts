import { probeFiles } from "@rivulet/media";
import {
  type Delivery,
  fieldsOf,
  type MediaFile,
  modelOf,
  type Pipeline,
  parseRequest,
  resolveRequest,
  workOf,
} from "@rivulet/pipelines";
import { type Milliseconds, type Randomness, type RequestId, RivuletError } from "@rivulet/primitives";
import { encodeFormData, findBoundary, formOf, parseMultipart } from "@rivulet/wire";
import { type DefaultsTable, withDefaults } from "../defaults.ts";
import type { PreparedJob } from "../prepared-job.ts";
import { deliveryOf } from "./delivery.ts";

export interface PrepareOptions {
  readonly defaults: DefaultsTable;
  /** Of pipelines by name, in place of the pipeline's own. */
  readonly deadlines: Readonly<Record<string, Milliseconds>>;
}

/** A request's body as it came. */
export interface RawBody {
  readonly contentType: string | undefined;
  readonly bytes: Uint8Array;
}

/** What the application wants, with everything decided, and how it wants to get it. */
export interface Prepared {
  readonly job: PreparedJob;
  /** Absent: as the gateway usually does. */
  readonly delivery: Delivery | undefined;
}

type Fields = Readonly<Record<string, unknown>>;
type Files = Readonly<Record<string, MediaFile>>;

/**
 * Reads, checks and completes a request. Everything that can be wrong with it is found here, before any orchestrator
 * hears of it.
 *
 * Throws "request.malformed", "request.invalid", "request.media-undecodable" and "request.media-unsupported".
 */
export function prepareJob(
  pipeline: Pipeline,
  id: RequestId,
  raw: RawBody,
  options: PrepareOptions,
  ports: { readonly randomness: Randomness },
): Prepared {
  const isForm = Object.keys(pipeline.media).length > 0;
  const { fields, files } = isForm ? readForm(pipeline, raw) : { fields: readJson(pipeline, raw), files: {} };
  const parsed = parseRequest(pipeline, withDefaults(options.defaults, pipeline, fields));
  const media = probeFiles(pipeline.media, files);
  const request = resolveRequest(pipeline, parsed, media, ports.randomness);
  const job: PreparedJob = {
    id,
    pipeline,
    model: modelOf(pipeline, request),
    request,
    media,
    work: workOf(pipeline, request, media),
    content: isForm ? encodeFormData(Object.entries(files), fieldsOf(pipeline, request)) : jsonBody(request),
    isStream: pipeline.streams?.(request) ?? false,
    expected: pipeline.expect(request, media),
    deadline: Object.hasOwn(options.deadlines, pipeline.name)
      ? (options.deadlines[pipeline.name] ?? pipeline.deadline(request, media))
      : pipeline.deadline(request, media),
  };
  return { job, delivery: deliveryOf(fields["response_format"]) };
}

function readJson(pipeline: Pipeline, { bytes }: RawBody): Fields {
  let body: unknown;
  try {
    body = JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw new RivuletError("request.malformed", { reason: "the body is not JSON" }, { cause });
  }
  // What is no object has no fields: the pipeline's schema says so in its own form.
  return isRecord(body) ? body : parseRequest(pipeline, body);
}

function readForm(pipeline: Pipeline, { contentType, bytes }: RawBody): { fields: Fields; files: Files } {
  const boundary = findBoundary(contentType, "form-data");
  if (boundary === undefined)
    throw new RivuletError("request.malformed", { reason: "the body must be multipart/form-data with a boundary" });
  const form = formOf(parseMultipart(bytes, boundary));
  return {
    // An empty text counts as a field left out: forms of web pages send all their fields.
    fields: Object.fromEntries([...form.fields].filter(([, text]) => text !== "")),
    files: Object.fromEntries([...form.files].filter(([name]) => Object.hasOwn(pipeline.media, name))),
  };
}

function jsonBody(request: Fields): PreparedJob["content"] {
  return { contentType: "application/json", body: Buffer.from(JSON.stringify(request)) };
}

const decoder = new TextDecoder("utf-8", { fatal: true });

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
