import { RivuletError } from "@rivulet/primitives";
import type { z } from "zod";
import { type FieldKind, fieldKind } from "./field-kind.ts";
import { lenient } from "./lenient.ts";
import type { Pipeline } from "./pipeline.ts";
import { problemsOf } from "./problems.ts";

/** The part of a pipeline that reading and writing requests needs. */
export type RequestDefinition<R extends z.ZodObject> = Pick<
  Pipeline<string, R>,
  "request" | "modelField" | "defaultModel"
>;

/**
 * The fields of a request, checked and with every default filled in. Unknown fields are ignored, `null` is refused.
 *
 * Takes any value: what `JSON.parse` yields, or the text fields of a multipart body as an object. Throws
 * "request.invalid" with one problem a field.
 */
export function parseRequest<R extends z.ZodObject>(pipeline: RequestDefinition<R>, body: unknown): z.output<R> {
  const read = isRecord(body) ? withLenience(pipeline.request, body) : body;
  const parsed = pipeline.request.safeParse(read);
  if (parsed.success) return parsed.data;
  throw new RivuletError("request.invalid", { problems: problemsOf(pipeline.request, parsed.error, read) });
}

/** A request from the text fields of a multipart body. An empty text counts as a field left out. */
export function parseFields<R extends z.ZodObject>(
  pipeline: RequestDefinition<R>,
  fields: ReadonlyMap<string, string>,
): z.output<R> {
  return parseRequest(pipeline, Object.fromEntries([...fields].filter(([, text]) => text !== "")));
}

/** The model a request names, or the pipeline's default when it names none. */
export function modelOf<R extends z.ZodObject>(pipeline: RequestDefinition<R>, request: z.output<R>): string {
  const named: unknown = Reflect.get(request, pipeline.modelField);
  return typeof named === "string" && named !== "" ? named : pipeline.defaultModel;
}

function withLenience(schema: z.ZodObject, body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const read: Record<string, unknown> = {};
  for (const [name, kind] of kindsOf(schema)) if (Object.hasOwn(body, name)) read[name] = lenient(kind, body[name]);
  return read;
}

/** Schemas are made once and read with every request. */
const kinds = new WeakMap<z.ZodObject, readonly (readonly [name: string, kind: FieldKind])[]>();

function kindsOf(schema: z.ZodObject): readonly (readonly [name: string, kind: FieldKind])[] {
  const known = kinds.get(schema);
  if (known !== undefined) return known;
  const found = Object.entries(schema.shape).map(([name, field]) => [name, fieldKind(field)] as const);
  kinds.set(schema, found);
  return found;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
