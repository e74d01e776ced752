import "@fastify/multipart";
import type { MediaFile } from "@rivulet/pipelines";
import { RivuletError } from "@rivulet/primitives";
import type { FastifyRequest } from "fastify";

/** Prompts and conversations. A mask as JSON text, the longest field of all, is a form field and has its own limit. */
export const MAX_JSON_BYTES = 16 * 1024 * 1024;
/** Source: runner-and-models 1.7, 1.10. */
const MAX_FILE_BYTES = 52_428_800;
/** The longest text field is a mask: 256 × 256 numbers of up to 25 characters. */
const MAX_FIELD_BYTES = 4 * 1024 * 1024;
/** No pipeline has more than half as many. */
const MAX_FIELDS = 32;
/** No pipeline takes more than one. */
const MAX_FILES = 4;

export const multipartLimits = {
  fileSize: MAX_FILE_BYTES,
  fieldSize: MAX_FIELD_BYTES,
  fields: MAX_FIELDS,
  files: MAX_FILES,
  parts: MAX_FIELDS + MAX_FILES,
} as const;

/** A request body taken apart and not yet looked into. */
export interface Body {
  readonly fields: unknown;
  readonly media: Readonly<Record<string, MediaFile>>;
}

/**
 * Takes a body apart: JSON, or a form with files. In a form an empty text means that the field was left out.
 *
 * Throws `request.invalid` for what is no JSON, `request.malformed` for what is no form or names a field twice, and
 * `request.too-large`.
 */
export async function readBody(request: FastifyRequest): Promise<Body> {
  if (request.isMultipart()) return readForm(request);
  const text = request.body instanceof Buffer ? request.body.toString("utf8") : "";
  try {
    return { fields: JSON.parse(text), media: {} };
  } catch (cause) {
    const problem = { loc: ["body"], msg: "must be JSON", type: "json_invalid" };
    throw new RivuletError("request.invalid", { problems: [problem] }, { cause });
  }
}

async function readForm(request: FastifyRequest): Promise<Body> {
  const fields = new Map<string, string>();
  const media = new Map<string, MediaFile>();
  try {
    for await (const part of request.parts({ limits: multipartLimits })) {
      if (fields.has(part.fieldname) || media.has(part.fieldname)) throw malformed(`two parts ${part.fieldname}`);
      if (part.type === "file") {
        const bytes = await part.toBuffer();
        media.set(part.fieldname, { bytes, filename: part.filename || part.fieldname, contentType: part.mimetype });
      } else {
        if (part.valueTruncated) throw tooLarge(MAX_FIELD_BYTES, part.fieldname);
        if (typeof part.value === "string" && part.value !== "") fields.set(part.fieldname, part.value);
      }
    }
  } catch (error) {
    throw formError(error);
  }
  return { fields: Object.fromEntries(fields), media: Object.fromEntries(media) };
}

/** The form reader's own errors, by their codes. */
function formError(error: unknown): unknown {
  if (error instanceof RivuletError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "FST_REQ_FILE_TOO_LARGE") return tooLarge(MAX_FILE_BYTES);
  if (/^FST_(?:FILES|FIELDS|PARTS)_LIMIT$/.test(code)) return malformed("too many parts");
  return malformed(error instanceof Error ? error.message : "no form");
}

function tooLarge(limitBytes: number, field?: string): RivuletError {
  return new RivuletError("request.too-large", { limitBytes, ...(field === undefined ? {} : { field }) });
}

function malformed(reason: string): RivuletError {
  return new RivuletError("request.malformed", { reason });
}
