import {
  fieldKind,
  fieldsOf,
  findPipeline,
  livePixels,
  type MediaProbe,
  openApiDocument,
  type Pipeline,
  parseRequest,
  pipelineNames,
  pipelineOf,
  workOf,
} from "@rivulet/pipelines";
import { isError, ms } from "@rivulet/primitives";
import { afterAll, describe, expect, test } from "vitest";
import { unreadVectors, vectors } from "./vectors.ts";

interface Field {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly default?: unknown;
}

interface Table {
  readonly source: string;
  readonly expected: {
    readonly capability: number;
    readonly operationId: string;
    readonly defaultModel: string;
    readonly body: "json" | "multipart";
    readonly requestComponent: string;
    readonly response: string;
    readonly runnerResponse: string;
    readonly drawn: readonly string[];
    readonly fields: readonly Field[];
    readonly writerOrder?: readonly string[];
  };
}

interface Cases<I, E> {
  readonly cases: readonly { readonly input: I; readonly expected: E }[];
}

interface Job {
  readonly pipeline: string;
  readonly request: object;
  readonly media: Readonly<Record<string, MediaProbe>>;
}

interface OneField {
  readonly pipeline: string;
  readonly field: string;
  readonly value: unknown;
}

afterAll(() => expect(unreadVectors()).toEqual([]));

/** Fields that the published interface does not have. Peers that do not know them leave them unread. */
const OURS: Readonly<Record<string, readonly string[]>> = { llm: ["seed", "stop"] };

describe.each(pipelineNames)("%s is what the specification's table says", (name) => {
  const { expected, source } = vectors<Table>(name);
  const pipeline = get(name);

  test(`in its definition (${source})`, () => {
    expect(definedFields(pipeline)).toEqual(withOurs(expected.fields));
    expect(pipeline.operationId).toBe(expected.operationId);
    expect(pipeline.defaultModel).toBe(expected.defaultModel);
    expect(pipeline.capability).toEqual({ kind: "network", id: expected.capability });
    expect(pipelineOf(expected.capability)).toBe(pipeline);
    expect(pipeline.drawn).toEqual(expected.drawn);
  });

  test.each(pipeline.kind === "live" ? (["runner"] as const) : (["gateway", "runner"] as const))(
    "in the OpenAPI document of a %s",
    (audience) => {
      const published = publishedOperation(audience, name);
      expect(published.operationId).toBe(expected.operationId);
      expect(published.contentType).toBe(expected.body === "json" ? "application/json" : "multipart/form-data");
      expect(published.requestComponent).toBe(expected.requestComponent);
      expect(published.responseComponent).toBe(expected[audience === "gateway" ? "response" : "runnerResponse"]);
      // A gateway keeps this one to itself: it is about the answer and no part of the job.
      const { response_format: _, ...fields } = published.fields;
      expect(fields).toEqual(withOurs(expected.fields));
    },
  );

  function withOurs(fields: readonly Field[]): Record<string, unknown> {
    const ours = (OURS[name] ?? []).map((field) => [field, expect.objectContaining({ required: false })] as const);
    return { ...byName(fields), ...Object.fromEntries(ours) };
  }

  test("in the order in which its fields are written", () => {
    const { writerOrder } = expected;
    if (writerOrder === undefined) return;
    const everything = Object.fromEntries(writerOrder.map((field) => [field, textOf(field)]));
    const names = fieldsOf(pipeline, everything).map(([field]) => field);
    expect(names).toEqual(writerOrder);
  });

  function textOf(field: string): unknown {
    const schema = pipeline.request.shape[field];
    return schema !== undefined && fieldKind(schema) === "number" ? 0.5 : "1";
  }
});

test("responses have the published fields", () => {
  const { components } = openApiDocument({ audience: "runner", version: "0" });
  for (const { input, expected } of vectors<Cases<string, Record<string, string>>>("responses").cases) {
    const schema = node(components?.schemas?.[input]);
    const properties = Object.entries(node(schema["properties"])).map(([field, value]) => [field, typeText(value)]);
    expect(Object.fromEntries(properties), input).toEqual(expected);
    expect(schema["required"], input).toEqual(Object.keys(expected));
  }
});

describe("work is measured as the network measures it", () => {
  const { cases } = vectors<Cases<Job & { readonly elapsedMs?: number }, string>>("units");
  test.each(cases)(
    "$input.pipeline $input.request $input.media $input.elapsedMs → $expected",
    ({ input, expected }) => {
      const measure = () =>
        input.elapsedMs === undefined ? workOf(...job(input)).amount : livePixels(ms(input.elapsedMs));
      if (expected === "request.invalid") expect(measure).toThrow(expect.objectContaining({ code: expected }));
      else expect(measure()).toBe(BigInt(expected));
    },
  );
});

describe("latencies are normalised as peers normalise them", () => {
  const { cases } = vectors<Cases<Job & { readonly tookMs: number; readonly response?: unknown }, number>>("latency");
  test.each(cases)("$input.pipeline $input.request $input.tookMs ms → $expected", ({ input, expected }) => {
    const [pipeline, request, media] = job(input);
    const work = workOf(pipeline, request, media);
    const response = input.response === undefined ? undefined : pipeline.response.parse(input.response);
    expect(pipeline.latencyScore(request, work, ms(input.tookMs), response)).toBeCloseTo(expected, 12);
  });
});

describe("deadlines leave time for loading and for the work", () => {
  const { cases } = vectors<Cases<Job, number>>("deadlines");
  test.each(cases)("$input.pipeline $input.request → $expected ms", ({ input, expected }) => {
    const [pipeline, request, media] = job(input);
    expect(pipeline.deadline(request, media)).toBe(expected);
  });
});

describe("fields are read leniently", () => {
  const { cases } = vectors<Cases<OneField, { readonly value?: unknown; readonly problem?: string }>>("lenient");
  test.each(cases)("$input.field $input.value → $expected", ({ input, expected }) => {
    expect(outcome(input)).toEqual(expected);
  });
});

describe("fields are bounded", () => {
  const { cases } = vectors<Cases<OneField, string | null>>("bounds");
  test.each(cases)("$input.pipeline $input.field $input.value → $expected", ({ input, expected }) => {
    expect(outcome(input).problem ?? null).toBe(expected);
  });
});

function get(name: string): Pipeline {
  const pipeline = findPipeline(name);
  if (pipeline === undefined) throw new Error(`no pipeline ${name}`);
  return pipeline;
}

function job({ pipeline: name, request, media }: Job) {
  const pipeline = get(name);
  return [pipeline, parseRequest(pipeline, request), media] as const;
}

/** What comes of one field in an otherwise good request. */
function outcome({ pipeline: name, field, value }: OneField): { value?: unknown; problem?: string } {
  const pipeline = get(name);
  try {
    return { value: parseRequest(pipeline, { ...pipeline.example, prompt: "x", [field]: value })[field] };
  } catch (error) {
    if (!isError(error, "request.invalid")) throw error;
    expect(error.facts.problems.map(({ loc }) => loc.slice(0, 2))).toEqual([["body", field]]);
    return { problem: error.facts.problems[0]?.type ?? "" };
  }
}

const kindNames = { integer: "int", number: "float", boolean: "bool", string: "string" } as const;

function definedFields({ request, media }: Pipeline): Record<string, Field> {
  const files = Object.keys(media).map((name) => ({ name, type: "file", required: true }));
  const fields = Object.entries(request.shape).map(([name, schema]) => {
    const kind = fieldKind(schema);
    const usual = schema.safeParse(undefined);
    return {
      name,
      type:
        kind === "structure"
          ? schema.safeParse([]).success || name === "messages"
            ? "list"
            : "object"
          : kindNames[kind],
      required: !usual.success,
      ...(usual.data === undefined ? {} : { default: usual.data }),
    };
  });
  return byName([...files, ...fields]);
}

function byName(fields: readonly (Field & { readonly note?: string })[]): Record<string, Field> {
  return Object.fromEntries(fields.map(({ note: _, ...field }) => [field.name, field]));
}

function publishedOperation(audience: "gateway" | "runner", name: string) {
  const document = node(JSON.parse(JSON.stringify(openApiDocument({ audience, version: "0" }))));
  const operation = at(document, "paths", `/${name}`, "post");
  const [contentType = "", body] = Object.entries(at(operation, "requestBody", "content"))[0] ?? [];
  const requestComponent = refName(at(node(body), "schema"));
  const schema = at(document, "components", "schemas", requestComponent);
  const required = new Set(Array.isArray(schema["required"]) ? schema["required"] : []);
  const fields = Object.entries(at(schema, "properties")).map(([field, value]) => {
    const property = node(value);
    return {
      name: field,
      type: property["format"] === "binary" ? "file" : typeText(property).replace(/^list of.*/, "list"),
      required: required.has(field),
      ...(property["default"] === undefined ? {} : { default: property["default"] }),
    };
  });
  return {
    operationId: operation["operationId"],
    contentType,
    requestComponent,
    responseComponent: refName(at(operation, "responses", "200", "content", "application/json", "schema")),
    fields: byName(fields),
  };
}

type Node = Readonly<Record<string, unknown>>;

function node(value: unknown): Node {
  if (typeof value !== "object" || value === null) throw new Error(`not an object: ${value}`);
  return { ...value };
}

function at(owner: Node, ...path: readonly string[]): Node {
  return path.reduce((found: Node, key) => node(found[key]), owner);
}

function refName({ $ref }: Node): string {
  return String($ref).split("/").at(-1) ?? "";
}

const typeNames: Readonly<Record<string, string>> = { integer: "int", number: "float", boolean: "bool" };

function typeText(value: unknown): string {
  const schema = node(value);
  if ("$ref" in schema) return refName(schema);
  const type = String(schema["type"]);
  return type === "array" ? `list of ${typeText(schema["items"])}` : (typeNames[type] ?? type);
}
