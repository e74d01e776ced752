import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";

/** Takes every descriptor there is, then wants a model and a runner; both must be refused by what was asked. */
const FULL = `
  const [host, supervisor] = await Promise.all(process.argv.slice(1).map((url) => import(url)));
  const { openSync, closeSync } = await import("node:fs");
  const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
  const launcher = host.processLauncher({ implementations: host.ALL_IMPLEMENTATIONS, log });
  const runner = new supervisor.RunnerProcess({ models: [] }, { clock: {}, fetch, log });
  const taken = [];
  try { for (;;) taken.push(openSync("/dev/null")); } catch {}
  let said = "";
  try { launcher.launch(); } catch (error) { said += error.code; }
  await runner.start().catch((error) => { said += " " + error.code; });
  await new Promise((resolve) => setTimeout(resolve, 0));
  for (const descriptor of taken) closeSync(descriptor);
  console.log(said);
`;

test("a system with no room for another process refuses a model, and a runner, and nothing else", async () => {
  const modules = ["./process-host.ts", "../supervisor.ts"].map((path) => new URL(path, import.meta.url).href);
  const child = spawn(
    "sh",
    ["-c", 'ulimit -n 100; exec "$0" "$@"', process.execPath, "--input-type=module", "--eval", FULL, ...modules],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const [said, complained, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  expect([code, said.trim(), complained]).toEqual([0, "node.cannot-start node.cannot-start", ""]);
});
