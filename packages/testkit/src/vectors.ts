import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

/** One known answer. */
export interface VectorCase {
  readonly input: unknown;
  readonly expected: unknown;
}

/** A file of known answers, which says where they are from. */
export interface VectorFile {
  /** The document, and the place in it. */
  readonly source: string;
  /** How the answers came about, and what they say. */
  readonly how: string;
  readonly cases: readonly VectorCase[];
}

/**
 * Compares one input with its answer. The types are what the author of both wrote in the file; nothing checks them, as
 * nothing else reads the files.
 */
export type VectorRun = (input: never, expected: never) => void | Promise<void>;

const ROOT = new URL("../../../vectors/", import.meta.url);
const EXTENSION = ".json";

/** The files of `directory` below `vectors/`, by name. Throws when there is none, or when a file does not say its source. */
export function readVectors(directory: string, root = ROOT): ReadonlyMap<string, VectorFile> {
  const folder = new URL(`${directory}/`, root);
  if (!existsSync(folder)) throw new Error(`there are no vectors in vectors/${directory}`);
  const names = readdirSync(folder).filter((name) => name.endsWith(EXTENSION));
  return new Map(
    names.sort().map((name) => {
      const content: unknown = JSON.parse(readFileSync(new URL(name, folder), "utf8"));
      return [name.slice(0, -EXTENSION.length), vectorFile(content, `vectors/${directory}/${name}`)];
    }),
  );
}

/**
 * States a test for every case in a directory. `runs` has a function for every file there: one that has none fails, and so
 * does a function without a file, so that no answer is kept that nobody compares with.
 */
export function testVectors(directory: string, runs: Readonly<Record<string, VectorRun>>): void {
  const files = readVectors(directory);
  describe(`vectors/${directory}`, () => {
    test("every file is run, and every run has its file", () => {
      expect(Object.keys(runs).sort()).toEqual([...files.keys()]);
    });
    for (const [name, { how, cases }] of files) {
      const run = runs[name];
      if (run === undefined) continue;
      describe(`${name}: ${how}`, () => {
        cases.forEach(({ input, expected }, index) => {
          test(`case ${index + 1}: ${JSON.stringify(input).slice(0, 100)}`, () =>
            run(input as never, expected as never));
        });
      });
    }
  });
}

function vectorFile(content: unknown, path: string): VectorFile {
  const source = property(content, "source");
  const how = property(content, "how");
  const cases = property(content, "cases") ?? [content];
  if (typeof source !== "string" || typeof how !== "string") throw new Error(`${path} does not say where it is from`);
  if (!Array.isArray(cases) || cases.length === 0) throw new Error(`${path} has no cases`);
  return { source, how, cases: cases.map((item) => vectorCase(item, path)) };
}

function vectorCase(item: unknown, path: string): VectorCase {
  const input = property(item, "input");
  const expected = property(item, "expected");
  if (input === undefined || expected === undefined) throw new Error(`${path} has a case without input or answer`);
  return { input, expected };
}

function property(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}
