import { type MediaFile, type Pipeline, parseFields, parseRequest } from "@rivulet/pipelines";
import { modelId, RivuletError } from "@rivulet/primitives";
import { findBoundary, formOf, parseMultipart } from "@rivulet/wire";
import type { AskedJob } from "../admission.ts";

/**
 * A job's body, JSON or a form as the pipeline has files or not. Throws "request.malformed" or "request.invalid": also
 * when no model is named, because which one is meant was the gateway's to say. Source: wire-protocol 4.7.
 */
export function readJob(pipeline: Pipeline, contentType: string | undefined, body: Uint8Array): AskedJob {
  const hasFiles = Object.keys(pipeline.media).length > 0;
  const { request, media } = hasFiles
    ? formJob(pipeline, contentType, body)
    : { request: jsonJob(pipeline, body), media: {} };
  const model: unknown = Reflect.get(request, pipeline.modelField);
  if (typeof model !== "string" || model === "")
    throw new RivuletError("request.invalid", {
      problems: [{ loc: ["body", pipeline.modelField], msg: "is required", type: "missing" }],
    });
  return { pipeline, model: modelId(model), request, media };
}

function jsonJob(pipeline: Pipeline, body: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString("utf8"));
  } catch (cause) {
    throw new RivuletError("request.malformed", { reason: "the body is not JSON" }, { cause });
  }
  return parseRequest(pipeline, value);
}

function formJob(pipeline: Pipeline, contentType: string | undefined, body: Uint8Array) {
  const boundary = findBoundary(contentType, "form-data");
  if (boundary === undefined) throw new RivuletError("request.malformed", { reason: "the body is not a form" });
  const { fields, files } = formOf(parseMultipart(body, boundary));
  const media = Object.keys(pipeline.media).flatMap((field): [string, MediaFile][] => {
    const file = files.get(field);
    return file === undefined ? [] : [[field, file]];
  });
  return { request: parseFields(pipeline, fields), media: Object.fromEntries(media) };
}
