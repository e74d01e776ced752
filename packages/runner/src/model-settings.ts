import { readFile } from "node:fs/promises";
import { refuseMisplaced } from "./settings-kinds.ts";

/** Of a value that is no good; a swapped file may hold a whole vocabulary in its place. */
const MAX_QUOTED = 200;

/**
 * The settings of one JSON file of a model, read with the default that holds when a key is absent or `null`.
 *
 * A value of the wrong kind is a `RangeError` that names the key: a model read wrongly makes wrong pictures, not errors.
 */
export class ModelSettings {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #file: string;

  /** `file` is told with what is wrong. */
  constructor(values: Readonly<Record<string, unknown>>, file = "") {
    this.#values = values;
    this.#file = file;
  }

  /** Reads a settings file; an absent file is a file without settings. */
  static async read(file: string): Promise<ModelSettings> {
    const json = await readJson(file);
    return new ModelSettings(json ?? {}, file);
  }

  /** The same. Throws `RangeError` when there is no such file: for settings without which a model goes wrong in silence. */
  static async get(file: string): Promise<ModelSettings> {
    return new ModelSettings(await getJson(file), file);
  }

  has(key: string): boolean {
    return this.#find(key) !== undefined;
  }

  number(key: string, fallback: number): number {
    const value = this.#find(key) ?? fallback;
    if (typeof value !== "number" || !Number.isFinite(value)) throw this.#wrong(key, value, "a number");
    return value;
  }

  findNumber(key: string): number | undefined {
    return this.has(key) ? this.number(key, 0) : undefined;
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.#find(key) ?? fallback;
    if (typeof value !== "boolean") throw this.#wrong(key, value, "true or false");
    return value;
  }

  text(key: string, fallback: string): string {
    const value = this.#find(key) ?? fallback;
    if (typeof value !== "string") throw this.#wrong(key, value, "a text");
    return value;
  }

  /** One of `choices`; anything else is not supported here, and neither is nothing where there is no `fallback`. */
  choice<const C extends string>(key: string, choices: readonly C[], fallback?: NoInfer<C>): C {
    const value = this.#find(key) ?? fallback;
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw this.#wrong(key, value, `one of ${choices.join(", ")}`);
    return found;
  }

  findNumbers(key: string): readonly number[] | undefined {
    const value = this.#find(key);
    if (value === undefined) return undefined;
    if (!Array.isArray(value) || !value.every((item) => typeof item === "number"))
      throw this.#wrong(key, value, "a list of numbers");
    return value;
  }

  /** A list of numbers, or one number alone; none when the key is absent. */
  numbersOf(key: string): readonly number[] {
    const value = this.#find(key);
    return typeof value === "number" ? [value] : (this.findNumbers(key) ?? []);
  }

  /** These settings with others laid over them. */
  with(others: Readonly<Record<string, unknown>>): ModelSettings {
    return new ModelSettings({ ...this.#values, ...others }, this.#file);
  }

  #wrong(key: string, value: unknown, wanted: string): RangeError {
    const place = this.#file === "" ? "" : `${this.#file}: `;
    return new RangeError(`${place}setting ${key} must be ${wanted}: ${JSON.stringify(value)?.slice(0, MAX_QUOTED)}`);
  }

  #find(key: string): unknown {
    return Object.hasOwn(this.#values, key) ? (this.#values[key] ?? undefined) : undefined;
  }
}

/** The object in a JSON file, `undefined` when there is no such file. Throws `RangeError` when it holds anything else. */
export async function readJson(file: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const value = parsed(file, text);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new RangeError(`${file} does not hold an object`);
  const json = value as Readonly<Record<string, unknown>>;
  refuseMisplaced(file, json);
  return json;
}

/** The same. Throws `RangeError` when there is no such file, too. */
export async function getJson(file: string): Promise<Readonly<Record<string, unknown>>> {
  const json = await readJson(file);
  if (json === undefined) throw new RangeError(`${file} is missing`);
  return json;
}

function parsed(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RangeError(`${file} is no JSON`, { cause });
  }
}
