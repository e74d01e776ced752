import { z } from "zod";

/** How a field is read and written where it is text: what is left of its schema without default and description. */
export type FieldKind = "integer" | "number" | "boolean" | "string" | "structure";

export function fieldKind(schema: z.core.$ZodType): FieldKind {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional) return fieldKind(schema.def.innerType);
  if (schema instanceof z.ZodNumber) return schema.isInt ? "integer" : "number";
  if (schema instanceof z.ZodBoolean) return "boolean";
  if (schema instanceof z.ZodString) return "string";
  return "structure";
}
