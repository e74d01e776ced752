import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { seconds, silentLogger } from "@rivulet/primitives";
import { TestClock } from "@rivulet/testkit";
import { afterEach, expect, test } from "vitest";
import type { RunnerSettings } from "./runner-settings.ts";
import { RunnerProcess } from "./supervisor.ts";
import { systemClock } from "./system.ts";

const HERE = new URL(".", import.meta.url).pathname;
const IMPLEMENTATIONS = new URL("../test/fake-implementations.ts", import.meta.url).href;

const open: RunnerProcess[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((runner) => runner.stop()));
});

function runnerOf(settings: Partial<RunnerSettings> = {}) {
  const models = [{ pipeline: "text-to-image", model: "fake/good", directory: HERE, warm: true }];
  const runner = new RunnerProcess(
    { models, implementations: IMPLEMENTATIONS, ...settings },
    { clock: systemClock, fetch, log: silentLogger },
  );
  open.push(runner);
  return runner;
}

/** Asks until the model is warm; the loading itself takes its time in another process. */
async function warm(runner: RunnerProcess): Promise<void> {
  for (;;) {
    const health = await (await fetch(`${runner.url}/health`)).json();
    if (health.models[0].warm) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function ask(runner: RunnerProcess, prompt: string, headers: Record<string, string> = {}) {
  const body = JSON.stringify({ prompt, width: 64, height: 64 });
  return fetch(`${runner.url}/text-to-image`, { method: "POST", body, headers });
}

/** Processes below `root` that run our entry points, as `pid command`. */
function processesBelow(root: number): string[] {
  const all = readdirSync("/proc").flatMap((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const [state, parent] = (stat.split(") ").at(-1) ?? "").split(" ");
      return state === "Z" ? [] : [{ pid: Number(pid), parent: Number(parent), command: commandOf(pid) }];
    } catch {
      return []; // not a process, or gone while we looked
    }
  });
  const below = (parent: number): typeof all =>
    all.filter((p) => p.parent === parent).flatMap((p) => [p, ...below(p.pid)]);
  return below(root).flatMap(({ pid, command }) =>
    /runner-main|host-main/.test(command) ? [`${pid} ${command}`] : [],
  );
}

function commandOf(pid: string): string {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
}

function pidsBelow(name: string): number[] {
  return processesBelow(process.pid).flatMap((line) => (line.includes(name) ? [Number.parseInt(line, 10)] : []));
}

function isAlive(pid: number): boolean {
  try {
    return (readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1) ?? "Z")[0] !== "Z";
  } catch {
    return false;
  }
}

test("a runner process does jobs, keeps its token to itself, and is stopped in the middle of a job that holds its thread", async () => {
  const runner = runnerOf({ authToken: "s3cret" });
  await runner.start();
  expect(runner.state).toBe("running");
  await warm(runner);
  const authorization = "Bearer s3cret";
  expect((await ask(runner, "x")).status).toBe(401);
  expect((await ask(runner, "x", { authorization })).status).toBe(200);
  expect(processesBelow(process.pid).join()).not.toContain("s3cret");
  const pids = [...pidsBelow("runner-main"), ...pidsBelow("host-main")];
  expect(pids).toHaveLength(2);
  const job = ask(runner, "hang", { authorization });
  job.catch(() => {});
  const isRunning = async () => (await (await fetch(`${runner.url}/health`)).json()).models[0].free === 0;
  while (!(await isRunning()));
  await runner.stop();
  expect(pids.filter(isAlive)).toEqual([]);
  expect(runner.state).toBe("stopped");
  expect((await job).headers.get("x-rivulet-code")).toBe("node.stopping");
});

test("a runner that is killed is started again at the same address, and is warm again", async () => {
  const runner = runnerOf();
  await runner.start();
  await warm(runner);
  const { url } = runner;
  const [first] = pidsBelow("runner-main");
  const hosts = pidsBelow("host-main");
  process.kill(first ?? 0, "SIGKILL");
  while (runner.state === "running") await new Promise((resolve) => setImmediate(resolve));
  await runner.whenRunning();
  expect(runner.url).toBe(url);
  await warm(runner);
  expect((await ask(runner, "x")).status).toBe(200);
  expect([first ?? 0, ...hosts].filter(isAlive)).toEqual([]);
});

test("a runner that no longer answers is ended and started again", async () => {
  const clock = new TestClock();
  const asked: string[] = [];
  const deaf: typeof fetch = async (url) => {
    asked.push(String(url));
    throw new Error("no answer");
  };
  const models = [{ pipeline: "text-to-image", model: "fake/good", directory: HERE }];
  const runner = new RunnerProcess(
    { models, implementations: IMPLEMENTATIONS },
    { clock, fetch: deaf, log: silentLogger },
  );
  open.push(runner);
  await runner.start();
  const [first] = pidsBelow("runner-main");
  while (runner.state === "running") await clock.advance(seconds(5));
  expect(asked).toEqual([`${runner.url}/health`, `${runner.url}/health`]);
  while (runner.state === "restarting") await clock.advance(seconds(0));
  await runner.whenRunning();
  expect(pidsBelow("runner-main")).not.toContain(first);
});

test("a runner that cannot start says why", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => taken.once("listening", resolve));
  const address = taken.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const refusals = [
    { runner: runnerOf({ port }), words: "EADDRINUSE" },
    { runner: runnerOf({ models: [] }), words: "models: must name at least one model" },
  ].map(async ({ runner, words }) => {
    const running = runner.whenRunning();
    const refused = { code: "node.cannot-start", facts: { reason: expect.stringContaining(words) } };
    await expect(runner.start()).rejects.toMatchObject(refused);
    await expect(running).rejects.toMatchObject(refused);
  });
  await Promise.all(refusals);
  taken.close();
});

test("stopping while it starts leaves nothing behind", async () => {
  const runner = runnerOf();
  const starting = runner.start();
  expect(runner.state).toBe("starting");
  await runner.stop();
  await expect(starting).rejects.toMatchObject({ code: "node.cannot-start" });
  expect(pidsBelow("runner-main")).toEqual([]);
});

test("when the owner is killed, the runner and a model that holds its thread end by themselves", async () => {
  const owner = spawn(
    process.execPath,
    ["--input-type=module", "--eval", OWNER, new URL("./supervisor.ts", import.meta.url).href, IMPLEMENTATIONS, HERE],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const [url] = await once(createInterface({ input: owner.stdout }), "line");
  const body = JSON.stringify({ prompt: "hang", width: 64, height: 64 });
  const job = fetch(`${url}/text-to-image`, { method: "POST", body });
  job.catch(() => {});
  while ((await (await fetch(`${url}/health`)).json()).models[0].state !== "ready");
  const pids = [...pidsBelow("runner-main"), ...pidsBelow("host-main")];
  expect(pids).toHaveLength(2);
  owner.kill("SIGKILL");
  await once(owner, "close");
  while (pids.some(isAlive)) await new Promise((resolve) => setImmediate(resolve));
});

const OWNER = `
  const [supervisor, implementations, directory] = process.argv.slice(1);
  const { RunnerProcess } = await import(supervisor);
  const { systemClock } = await import(new URL("./system.ts", supervisor));
  const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
  const models = [{ pipeline: "text-to-image", model: "fake/good", directory, warm: true }];
  const runner = new RunnerProcess({ models, implementations }, { clock: systemClock, fetch, log });
  await runner.start();
  console.log(runner.url);
`;
