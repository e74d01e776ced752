import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ROOT } from "./harness/stage.ts";

/** A folder with `node` and nothing else, to be the whole of PATH. */
function onlyNode(): string {
  const directory = mkdtempSync(join(tmpdir(), "rivulet-e2e-path-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  symlinkSync(process.execPath, join(directory, "node"));
  return directory;
}

function bootstrap(...args: readonly string[]) {
  return spawnSync(process.execPath, [join(ROOT, "scripts/bootstrap.mjs"), ...args], {
    env: { ...process.env, PATH: onlyNode() },
    encoding: "utf8",
    timeout: 60_000,
  });
}

test("once everything is installed a verb needs no npm, and says nothing of its own", () => {
  expect(bootstrap("rivulet", "version")).toMatchObject({ status: 0, stdout: "0.1.0\n", stderr: "" });
});

test("a verb's exit code is kept, and a wrong verb is told which there are", () => {
  expect(bootstrap("rivulet", "gatway").status).toBe(2);
  const wrong = bootstrap("tset");
  expect(wrong).toMatchObject({ status: 2, stdout: "" });
  expect(wrong.stderr).toContain("test");
});
