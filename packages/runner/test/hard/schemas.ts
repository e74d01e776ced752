import type { Pipeline } from "@rivulet/pipelines";
import { z } from "zod";

/** A field that holds a number, with the range that the pipeline's definition gives it. */
export interface NumberField {
  readonly name: string;
  readonly isWhole: boolean;
  readonly least: number;
  readonly most: number;
  readonly step: number;
}

/** A field that holds text, by itself or deeper, and the value of the field that holds a given text. */
export interface TextField {
  readonly name: string;
  readonly longest: number;
  readonly holding: (text: string) => unknown;
}

type Json = z.core.JSONSchema.JSONSchema;

/** What a definition says of its fields, in the one form that says all of it. */
function propertiesOf({ request }: Pipeline): readonly (readonly [string, Json])[] {
  const { properties = {} } = z.toJSONSchema(request, { io: "input", reused: "inline" });
  return Object.entries(properties).flatMap(([name, json]) => (typeof json === "object" ? [[name, json]] : []));
}

export function numberFieldsOf(pipeline: Pipeline): readonly NumberField[] {
  return propertiesOf(pipeline).flatMap(([name, json]) => {
    if (json.type !== "integer" && json.type !== "number") return [];
    const { minimum: least, maximum: most, multipleOf } = json;
    if (least === undefined || most === undefined) throw new RangeError(`${pipeline.name}: ${name} has no range`);
    const isWhole = json.type === "integer";
    return [{ name, isWhole, least, most, step: multipleOf ?? (isWhole ? 1 : 2 ** -10) }];
  });
}

export function textFieldsOf(pipeline: Pipeline): readonly TextField[] {
  return propertiesOf(pipeline).flatMap(([name, json]): TextField[] => {
    if (name === pipeline.modelField) return [];
    if (isText(json)) return [{ name, longest: json.maxLength ?? Number.POSITIVE_INFINITY, holding: (text) => text }];
    const items = typeof json.items === "object" && !Array.isArray(json.items) ? json.items : {};
    const members = Object.entries(items.properties ?? {});
    const [said] = members.flatMap(([member, inner]) =>
      typeof inner === "object" && isText(inner) ? [{ member, longest: inner.maxLength ?? 0 }] : [],
    );
    if (said === undefined) return [];
    const others = members.flatMap(([member, inner]) =>
      typeof inner === "object" && inner.enum !== undefined ? [[member, inner.enum.at(-2)]] : [],
    );
    const holding = (text: string) => [{ ...Object.fromEntries(others), [said.member]: text }];
    return [{ name, longest: said.longest, holding }];
  });
}

function isText({ type, enum: values }: Json): boolean {
  return type === "string" && values === undefined;
}
