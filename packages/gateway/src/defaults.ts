import { findPipeline, type Pipeline } from "@rivulet/pipelines";
import { RivuletError } from "@rivulet/primitives";

/** What a gateway fills in for one pipeline where the application left something out. */
export interface PipelineDefaults {
  /** The model of a request that names none. */
  readonly model?: string;
  /** Values of other fields, for every model. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Values of other fields for one model, by its id; they go before `fields`. */
  readonly models?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** A gateway's own defaults, by pipeline. What it does not say is as published. */
export type DefaultsTable = Readonly<Record<string, PipelineDefaults>>;

/**
 * A request body with the gateway's defaults laid under it. The model comes first, since the other defaults depend on it;
 * published defaults are filled in later, by the pipeline's schema. An empty model counts as none.
 */
export function withDefaults(
  table: DefaultsTable,
  pipeline: Pipeline,
  body: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const ours = Object.hasOwn(table, pipeline.name) ? table[pipeline.name] : undefined;
  const named = body[pipeline.modelField];
  const isNamed = named !== undefined && named !== "";
  const model = isNamed ? named : (ours?.model ?? pipeline.defaultModel);
  const forModel =
    typeof model === "string" && ours?.models !== undefined && Object.hasOwn(ours.models, model)
      ? ours.models[model]
      : undefined;
  return { ...ours?.fields, ...forModel, ...body, [pipeline.modelField]: model };
}

/** Refuses a table that names a pipeline or field that is not there, or a value the field does not take. Throws "config.invalid". */
export function checkDefaults(table: DefaultsTable): DefaultsTable {
  const problems = Object.entries(table).flatMap(([name, defaults]) => {
    const path = `gateway.defaults.${name}`;
    const pipeline = findPipeline(name);
    if (pipeline === undefined) return [{ path, message: "there is no such pipeline" }];
    return [
      ...fieldProblems(pipeline, defaults.fields ?? {}, `${path}.fields`),
      ...Object.entries(defaults.models ?? {}).flatMap(([model, fields]) =>
        fieldProblems(pipeline, fields, `${path}.models.${model}`),
      ),
    ];
  });
  if (problems.length > 0) throw new RivuletError("config.invalid", { problems });
  return table;
}

function fieldProblems(pipeline: Pipeline, fields: Readonly<Record<string, unknown>>, path: string) {
  return Object.entries(fields).flatMap(([field, value]) => {
    const schema = Object.hasOwn(pipeline.request.shape, field) ? pipeline.request.shape[field] : undefined;
    if (schema === undefined) return [{ path: `${path}.${field}`, message: "there is no such field" }];
    const checked = schema.safeParse(value);
    return checked.success
      ? []
      : [{ path: `${path}.${field}`, message: checked.error.issues[0]?.message ?? "is not valid" }];
  });
}
