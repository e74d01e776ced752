import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readVectors } from "./vectors.ts";

const folder = mkdtempSync(join(tmpdir(), "rivulet-vectors-"));
const root = pathToFileURL(`${folder}/`);

function write(directory: string, content: unknown): void {
  mkdirSync(join(folder, directory));
  writeFileSync(join(folder, directory, "file.json"), JSON.stringify(content));
}

beforeAll(() => {
  write("good", { source: "s", how: "h", cases: [{ input: 1, expected: null }] });
  write("single", { source: "s", how: "h", input: 1, expected: 2 });
  write("unsourced", { cases: [{ input: 1, expected: 2 }] });
  write("unanswered", { source: "s", how: "h", cases: [{ input: 1 }] });
  write("empty", { source: "s", how: "h", cases: [] });
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("a directory of vectors", () => {
  test("holds many cases a file, or one", () => {
    expect(readVectors("good", root).get("file")?.cases).toEqual([{ input: 1, expected: null }]);
    expect(readVectors("single", root).get("file")?.cases).toEqual([{ input: 1, expected: 2 }]);
  });

  test.each(["missing", "unsourced", "unanswered", "empty"])("is refused when it is %s", (directory) => {
    expect(() => readVectors(directory, root)).toThrow();
  });
});
