import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Backend, Graph } from "../backend.ts";
import type { Progress } from "../implementation.ts";
import { ModelSettings } from "../model-settings.ts";

export interface ComponentLoad {
  readonly directory: string;
  readonly backend: Backend;
  readonly threads: number;
  readonly onProgress: (progress: Progress) => void;
}

/** The parts of a model that has a folder for each. Source: runner-and-models 7.3.2. */
export interface Components {
  /** Opens a part. It is closed with the stack that the components were made with. */
  find(folder: string): Promise<Graph | undefined>;
  /** The same. Throws `RangeError` when the model has no such part. */
  get(folder: string): Promise<Graph>;
  /** A settings file, by its path below the model's directory; one that is not there has no settings. */
  settings(...path: readonly string[]): Promise<ModelSettings>;
  /** The same. Throws `RangeError` when it is not there. */
  getSettings(...path: readonly string[]): Promise<ModelSettings>;
}

const MODEL_FILE = "model.onnx";

/**
 * `folders` are the parts that will be looked for: how far loading has come is told in bytes of all of them. Throws
 * `RangeError` for models of other families, by the parts that their index names.
 */
export async function componentsOf(
  load: ComponentLoad,
  folders: readonly string[],
  opened: AsyncDisposableStack,
): Promise<Components> {
  await refuseTransformers(load.directory);
  const sizes = await sizesOf(load.directory, folders);
  const total = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
  let loaded = 0;
  const find = async (folder: string): Promise<Graph | undefined> => {
    const bytes = sizes.get(folder);
    if (bytes === undefined) return undefined;
    load.onProgress({ kind: "loading", stage: folder, loaded, total });
    const graph = await load.backend
      .open(join(load.directory, folder, MODEL_FILE), { threads: load.threads })
      .catch((cause: unknown) => {
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new RangeError(`${folder}/${MODEL_FILE} could not be opened: ${reason}`, { cause });
      });
    opened.defer(() => graph.close());
    loaded += bytes;
    load.onProgress({ kind: "loading", stage: folder, loaded, total });
    return graph;
  };
  return {
    find,
    async get(folder) {
      const graph = await find(folder);
      if (graph === undefined) throw new RangeError(`the model has no ${folder}/${MODEL_FILE}`);
      return graph;
    },
    settings: (...path) => ModelSettings.read(join(load.directory, ...path)),
    getSettings: (...path) => ModelSettings.get(join(load.directory, ...path)),
  };
}

/** Their parts have the same names otherwise, and one by one each would be said to be wrong. */
async function refuseTransformers(directory: string): Promise<void> {
  const index = await ModelSettings.read(join(directory, "model_index.json"));
  if (!index.has("transformer") || index.has("unet")) return;
  const family = index.text("_class_name", "one without a name");
  throw new RangeError(`the model is of a family that cannot be run: ${family} has a transformer in place of a UNet`);
}

/** Of the folders that hold a file to open: its bytes and those of what lies beside it as its external data. */
async function sizesOf(directory: string, folders: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const present = new Set(await readdir(directory));
  const sizes = await Promise.all(
    folders
      .filter((folder) => present.has(folder))
      .map(async (folder): Promise<readonly [string, number] | undefined> => {
        const files = (await readdir(join(directory, folder))).filter((file) => file.startsWith(MODEL_FILE));
        if (!files.includes(MODEL_FILE)) return undefined;
        const bytes = await Promise.all(files.map(async (file) => (await stat(join(directory, folder, file))).size));
        return [folder, bytes.reduce((sum, size) => sum + size, 0)];
      }),
  );
  return new Map(sizes.filter((size) => size !== undefined));
}
