import { invariant } from "@rivulet/primitives";
import type { z } from "zod";
import { type FieldKind, fieldKind } from "./field-kind.ts";
import type { RequestDefinition } from "./parse.ts";

/**
 * A request as the text fields of a multipart body: the pipeline's order, fields that are not set left out.
 * Files go before them. Source: wire-protocol 4.7.
 */
export function fieldsOf<R extends z.ZodObject>(
  pipeline: Pick<RequestDefinition<R>, "request">,
  request: z.output<R>,
): readonly (readonly [name: string, text: string])[] {
  return Object.entries(pipeline.request.shape).flatMap(([name, field]) => {
    const value: unknown = Reflect.get(request, name);
    return value === undefined ? [] : [[name, fieldText(fieldKind(field), value)] as const];
  });
}

/** Numbers that are not whole by kind have exactly six decimals: `0.800000`. */
function fieldText(kind: FieldKind, value: unknown): string {
  if (kind === "structure") return JSON.stringify(value);
  if (kind === "number") {
    invariant(typeof value === "number", "a parsed number field holds a number");
    return value.toFixed(6);
  }
  return String(value);
}
