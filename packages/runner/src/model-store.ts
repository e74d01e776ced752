import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { RivuletError } from "@rivulet/primitives";

/** A model on disk. */
export interface StoredModel {
  readonly model: string;
  /** Where its files are, in the layout of the Hugging Face hub. */
  readonly directory: string;
}

/** What marks a directory as a model's: every published layout has one of them at its top. */
const MARKERS = new Set(["config.json", "model_index.json"]);
const MARKED = [...MARKERS].join(" nor ");
/** Ids as hubs allow them. Nothing else ever becomes part of a path. */
const MODEL_ID = /^(?:[\w][\w.-]*\/)?[\w][\w.-]*$/;
/** How the hub's cache begins a model's folder, and what stands in it for the slash of the id. */
const HUB_PREFIX = "models--";
const HUB_SLASH = "--";
/** A models directory with more entries than this is something else. */
const MAX_ENTRIES = 10_000;
/** Components lie one folder below the model; deeper than this there are no weights. */
const MAX_DEPTH = 4;

/**
 * Models on disk, below one or more directories, each in either form that is in use: plain folders `<org>/<name>`, or
 * the cache of the Hugging Face hub, `models--<org>--<name>/snapshots/<revision>`. Source: runner-and-models 4.5.
 *
 * Looks at the disk every time: a model that was just copied in is there.
 */
export class ModelStore {
  readonly #roots: readonly string[];

  constructor(roots: readonly string[]) {
    this.#roots = roots;
  }

  /** The first directory that holds the model, or `undefined`. */
  async find(model: string): Promise<StoredModel | undefined> {
    for (const directory of await this.#foldersOf(model)) if (await isModel(directory)) return { model, directory };
    return undefined;
  }

  /**
   * The directory that holds the model. Throws `model.load-failed` for a folder of that name that is no model, and
   * `model.unknown`, which tells the models that are there, where there is no folder.
   */
  async get(model: string, pipeline: string): Promise<StoredModel> {
    const found = await this.find(model);
    if (found !== undefined) return found;
    for (const directory of await this.#foldersOf(model))
      if ((await entriesOf(directory)).length > 0)
        throw new RivuletError("model.load-failed", { pipeline, model, reason: `its folder has neither ${MARKED}` });
    const offered = (await this.list()).map((stored) => stored.model);
    throw new RivuletError("model.unknown", { pipeline, model, offered });
  }

  /** Where the model would be; nowhere for an id that is none. */
  async #foldersOf(model: string): Promise<readonly string[]> {
    if (!MODEL_ID.test(model) || model.includes("..")) return [];
    const hub = HUB_PREFIX + model.replace("/", HUB_SLASH);
    const folders = this.#roots.map(async (root) => [join(root, model), await snapshotOf(join(root, hub))]);
    return (await Promise.all(folders)).flat().filter((folder) => folder !== undefined);
  }

  /** Every model there is, by id. */
  async list(): Promise<readonly StoredModel[]> {
    const found = new Map<string, StoredModel>();
    for (const root of this.#roots)
      for (const model of await idsBelow(root)) {
        const stored = found.has(model) ? undefined : await this.find(model);
        if (stored !== undefined) found.set(model, stored);
      }
    return [...found.values()].sort((a, b) => (a.model < b.model ? -1 : 1));
  }
}

/**
 * Bytes of what loading a model reads, links followed: its ONNX files and their data. Repositories hold the same weights
 * in other formats as well. Where there are none, all files count.
 */
export async function sizeOf(directory: string): Promise<number> {
  const files = await filesBelow(directory);
  const read = files.filter(({ name }) => ONNX_FILE.test(name));
  return (read.length > 0 ? read : files).reduce((sum, { size }) => sum + size, 0);
}

/** `model.onnx`, and its numbers where they lie apart: `model.onnx_data`, `model.onnx_data_1`, `model.onnx.data`. */
const ONNX_FILE = /\.onnx(?:[._]|$)/;

async function filesBelow(directory: string, depth = 0): Promise<readonly { name: string; size: number }[]> {
  const found = (await entriesOf(directory)).map(async (name) => {
    const path = join(directory, name);
    const entry = await statOf(path);
    if (entry?.isFile()) return [{ name, size: entry.size }];
    return entry?.isDirectory() && depth < MAX_DEPTH ? filesBelow(path, depth + 1) : [];
  });
  return (await Promise.all(found)).flat();
}

/** The revision `refs/main` names, or the only one there is. */
async function snapshotOf(hub: string): Promise<string | undefined> {
  const snapshots = join(hub, "snapshots");
  const named = await readFile(join(hub, "refs", "main"), "utf8").catch(absent);
  if (named !== undefined && /^[\w.-]+$/.test(named.trim())) return join(snapshots, named.trim());
  const [only, ...others] = await entriesOf(snapshots);
  return only !== undefined && others.length === 0 ? join(snapshots, only) : undefined;
}

/** Ids that the folders of `root` suggest; `find` tells whether they are models. */
async function idsBelow(root: string): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const name of await entriesOf(root)) {
    if (name.startsWith(HUB_PREFIX)) ids.push(name.slice(HUB_PREFIX.length).replace(HUB_SLASH, "/"));
    else if (await isModel(join(root, name))) ids.push(name);
    else ids.push(...(await entriesOf(join(root, name))).map((child) => `${name}/${child}`));
  }
  return ids;
}

async function isModel(directory: string): Promise<boolean> {
  return (await entriesOf(directory)).some((name) => MARKERS.has(name));
}

async function entriesOf(directory: string): Promise<readonly string[]> {
  return (await readdir(directory).catch(absent))?.slice(0, MAX_ENTRIES) ?? [];
}

async function statOf(path: string) {
  return stat(path).catch(absent);
}

/** A path that is not there, or is not what it should be, holds no model. Anything else is told. */
function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
  throw error;
}
