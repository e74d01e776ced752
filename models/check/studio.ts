import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { decodeImage, parseDataUrl, type Rgb8, sniffContentType } from "@rivulet/media";
import { secureRandomness, systemClock } from "@rivulet/node";
import { findPipeline, isPipelineName, type MediaFile, type PipelineName } from "@rivulet/pipelines";
import { modelId, silentLogger } from "@rivulet/primitives";
import { ALL_IMPLEMENTATIONS, type JobEvent, processLauncher, Runner, type RunTimings } from "@rivulet/runner";

/** A model directory, opened under a name. */
export interface StudioModel {
  readonly pipeline: PipelineName;
  /** What requests call it. Left out: `starter`. */
  readonly id?: string;
  /** Absolute. */
  readonly directory: string;
  /** Laid under each request, as a node does with a starter's defaults. */
  readonly defaults?: Readonly<Record<string, unknown>>;
}

export interface StudioRequest {
  /** Which of the models; left out: the pipeline's first. */
  readonly model?: string;
  /** Files by the field they are sent in: pictures, sound. */
  readonly files?: Readonly<Record<string, Uint8Array | MediaFile>>;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: JobEvent) => void;
}

export interface StudioAnswer {
  /** As the runner answers it: files are data URLs. */
  readonly response: Readonly<Record<string, unknown>>;
  readonly timings: RunTimings;
}

const STARTER = "starter";
const MAX_FILE_BYTES = 64_000_000;

/** Does jobs with the product's own engine, in the process that every node runs models in. */
export class Studio implements AsyncDisposable {
  readonly #runner: Runner;
  readonly #models: readonly StudioModel[];

  private constructor(runner: Runner, models: readonly StudioModel[]) {
    this.#runner = runner;
    this.#models = models;
  }

  static async open(...models: readonly StudioModel[]): Promise<Studio> {
    const launcher = processLauncher({ implementations: ALL_IMPLEMENTATIONS, log: silentLogger });
    const runner = new Runner(
      {
        models: models.map(({ pipeline, id = STARTER, directory }) => ({ pipeline, model: modelId(id), directory })),
        threads: availableParallelism(),
      },
      { clock: systemClock, randomness: secureRandomness, log: silentLogger, launcher },
    );
    await runner.start();
    return new Studio(runner, models);
  }

  /** Opens what the starter package at `packageUrl` (the URL of a file in its folder) says of itself. */
  static async openStarter(packageUrl: string | URL): Promise<Studio> {
    const { rivulet } = JSON.parse(await readFile(new URL("package.json", packageUrl), "utf8"));
    const entries: readonly { readonly [key: string]: unknown }[] = Array.isArray(rivulet) ? rivulet : [rivulet];
    return Studio.open(...entries.map((entry) => studioModel(entry, packageUrl)));
  }

  /** Does one job. Throws what the runner throws. */
  async run(
    pipeline: PipelineName,
    body: Readonly<Record<string, unknown>>,
    { model, files = {}, signal = new AbortController().signal, onEvent }: StudioRequest = {},
  ): Promise<StudioAnswer> {
    const definition = findPipeline(pipeline);
    const opened = this.#models.find((each) => each.pipeline === pipeline && (model ?? each.id) === each.id);
    if (definition === undefined || opened === undefined)
      throw new RangeError(`no such model is open: ${pipeline} ${model ?? ""}`);
    const media = Object.fromEntries(Object.entries(files).map(([field, file]) => [field, mediaFile(field, file)]));
    const named = { ...opened.defaults, [definition.modelField]: opened.id ?? STARTER, ...body };
    const job = this.#runner.prepare(definition, named, media);
    return this.#runner.run(job, { signal, ...(onEvent === undefined ? {} : { onEvent }) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runner.stop();
  }
}

/** The file at `path` of a response (`fileAt(response, "images", 0, "url")`), which is a data URL there. */
export function fileAt(response: unknown, ...path: readonly (string | number)[]): Uint8Array {
  let at: unknown = response;
  for (const key of path) at = typeof at === "object" && at !== null ? Reflect.get(at, key) : undefined;
  if (typeof at !== "string") throw new RangeError(`there is no file at ${path.join(".")}`);
  return parseDataUrl(at, { maxBytes: MAX_FILE_BYTES }).bytes;
}

/** The pictures of an answer to any pipeline that makes some. */
export async function picturesOf(response: Readonly<Record<string, unknown>>): Promise<readonly Rgb8[]> {
  const { images } = response;
  if (!Array.isArray(images)) throw new RangeError("the answer has no pictures");
  return Promise.all(images.map((_, i) => decodeImage(fileAt(response, "images", i, "url"))));
}

function studioModel(entry: { readonly [key: string]: unknown }, packageUrl: string | URL): StudioModel {
  const { pipeline, model, defaults } = entry;
  if (typeof pipeline !== "string" || !isPipelineName(pipeline)) throw new RangeError(`no pipeline: ${pipeline}`);
  return {
    pipeline,
    directory: fileURLToPath(new URL(String(model), packageUrl)),
    defaults: typeof defaults === "object" && defaults !== null ? { ...defaults } : {},
  };
}

function mediaFile(field: string, file: Uint8Array | MediaFile): MediaFile {
  if (!(file instanceof Uint8Array)) return file;
  return { bytes: file, filename: field, contentType: sniffContentType(file) ?? "application/octet-stream" };
}
