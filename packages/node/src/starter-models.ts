import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { isPipelineName, type PipelineName } from "@rivulet/pipelines";
import { type ModelId, modelId } from "@rivulet/primitives";
import { z } from "zod";

/**
 * A model that comes with the product: a package whose `package.json` has a `rivulet` field. The field is one entry, or
 * a list of them where the same weights serve several pipelines.
 */
export interface StarterModel {
  readonly id: ModelId;
  readonly pipeline: PipelineName;
  /** Absolute directory of the weights. */
  readonly directory: string;
  /** Values for the fields that applications leave out. */
  readonly defaults: Readonly<Record<string, unknown>>;
}

const entry = z.object({
  id: z.string(),
  pipeline: z.string().refine(isPipelineName),
  /** The model directory, inside the package. */
  model: z.string(),
  defaults: z.record(z.string(), z.unknown()).default({}),
});

const packageFile = z.object({ name: z.string(), rivulet: z.union([entry.transform((one) => [one]), z.array(entry)]) });

/** Where packages of our scope may be installed, nearest first. */
export function packageDirectories(): readonly string[] {
  return (createRequire(import.meta.url).resolve.paths("@rivulet/primitives") ?? []).map((path) =>
    join(path, "@rivulet"),
  );
}

/**
 * The starter models that are installed, in the order of their packages' names. Of several with one id, the first; a
 * package without its weights has none.
 */
export function findStarterModels(directories: readonly string[] = packageDirectories()): readonly StarterModel[] {
  const found = directories.flatMap((directory) =>
    list(directory).flatMap((name) => readStarter(join(directory, name))),
  );
  return found.filter((model, index) => found.findIndex(({ id }) => id === model.id) === index);
}

function readStarter(directory: string): readonly StarterModel[] {
  const parsed = packageFile.safeParse(readJson(join(directory, "package.json")));
  if (!parsed.success) return [];
  return parsed.data.rivulet.flatMap(({ id, pipeline, model, defaults }) => {
    const weights = join(realpathSync(directory), model);
    if (!isPipelineName(pipeline) || !existsSync(weights)) return [];
    return [{ id: modelId(id), pipeline, directory: weights, defaults }];
  });
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.startsWith("starter-"))
      .sort();
  } catch {
    return [];
  }
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}
