import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { provideDataDirectory } from "./data-directory.ts";

test("a data directory is made, or it is said why it cannot be", () => {
  const directory = mkdtempSync(join(tmpdir(), "rivulet-test-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  provideDataDirectory(join(directory, "new", "deep"));
  expect(existsSync(join(directory, "new", "deep"))).toBe(true);

  const file = join(directory, "file");
  writeFileSync(file, "");
  for (const path of [file, join(file, "below")])
    expect(() => provideDataDirectory(path)).toThrow(expect.objectContaining({ code: "node.cannot-start" }));
});
