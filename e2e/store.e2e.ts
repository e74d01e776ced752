import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "@rivulet/node";
import { codeOf } from "@rivulet/primitives";
import { Store } from "@rivulet/store";
import { afterEach, beforeEach, expect, test } from "vitest";

const WRITER = fileURLToPath(new URL("./harness/payment-writer-main.ts", import.meta.url));

let directory: string;
let file: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rivulet-store-"));
  file = join(directory, "rivulet.db");
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "close");
  }
  rmSync(directory, { recursive: true, force: true });
});

const open = () => Store.open({ file, chainId: 1337 }, { clock: systemClock });

test("a database that another process uses is refused, and is free as soon as that process is gone", async () => {
  const child = spawn(process.execPath, [WRITER, file, "1"], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  await once(child.stdout, "data");
  expect(await open().then(() => "opened", codeOf)).toBe("store.locked");
  child.kill("SIGKILL");
  await once(child, "close");
  await using store = await open();
  expect((await store.payments.totals()).length).toBeLessThanOrEqual(1);
});

test("where a file may not grow, writing is refused and what was acknowledged is kept", async () => {
  // In blocks of 1 KiB. Writes beyond it fail as on a full disk, but with another reason.
  const limit = 2_000;
  const child = spawn("bash", ["-c", `ulimit -f ${limit} && exec "$0" "$@"`, process.execPath, WRITER, file, "1"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on("data", (bytes: Buffer) => output.push(bytes));
  child.stderr.on("data", (bytes: Buffer) => errors.push(bytes));
  await once(child, "close");
  expect(Buffer.concat(errors).toString()).toMatch(/code: 'store\.(?:full|unusable)'/);
  const taken =
    Buffer.concat(output)
      .toString()
      .match(/^taken \d+ 2/gm) ?? [];
  expect(taken.length).toBeGreaterThan(100);
  await using store = await open();
  const [totals] = await store.payments.totals();
  expect(Number(totals?.tickets)).toBeGreaterThanOrEqual(2 * taken.length);
});
