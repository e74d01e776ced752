import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("./runner-main.ts", import.meta.url));
const HERE = fileURLToPath(new URL(".", import.meta.url));
const implementations = new URL("../test/fake-implementations.ts", import.meta.url).href;

const open: ChildProcess[] = [];
afterEach(() => {
  for (const child of open.splice(0)) child.kill("SIGKILL");
});

function start(settings: object | string | undefined, env: Record<string, string> = {}) {
  const argument = settings === undefined ? [] : [JSON.stringify(settings)];
  const child = spawn(process.execPath, [MAIN, ...argument], { stdio: ["ignore", "pipe", "pipe"], env });
  open.push(child);
  return child;
}

async function listening(child: ReturnType<typeof start>): Promise<string> {
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  return JSON.parse(line).listening;
}

const fake = {
  models: [{ pipeline: "text-to-image", model: "fake/good", directory: HERE, warm: true }],
  implementations,
};

// What has to be seen of processes is seen of several at a time: their start is most of the time they take.
test("SIGTERM and SIGINT end a runner in order", async () => {
  const ends = (["SIGTERM", "SIGINT"] as const).map(async (signal) => {
    const child = start(fake);
    expect(await listening(child)).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    child.kill(signal);
    expect(await once(child, "exit")).toEqual([0, null]);
  });
  await Promise.all(ends);
});

test("told nothing, or no settings, a runner says what is wrong and does not start", async () => {
  const ends = [
    { settings: undefined, words: "no pipeline is called" },
    { settings: "{", words: "must be an object" },
  ].map(async ({ settings, words }) => {
    const child = start(settings);
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
    expect(code).toBe(1);
    expect(JSON.parse(said)).toMatchObject({
      level: "error",
      event: "runner cannot start",
      reason: expect.stringContaining(words),
    });
  });
  await Promise.all(ends);
});

test("for a published worker, whose variables it reads, a model that does not load is the end of it", async () => {
  const env = { PIPELINE: "text-to-image", MODEL_ID: "fake/none", MODEL_DIR: HERE, HOST: "127.0.0.1", PORT: "0" };
  const child = start(undefined, env);
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
  expect(code).toBe(1);
  expect(said).toContain("it is not on this machine");
});

test("a model process that holds its thread for ever ends soon after its runner is killed", async () => {
  const child = start(fake);
  const url = await listening(child);
  const state = async () => (await (await fetch(`${url}/health`)).json()).models[0];
  while (!(await state()).warm);
  const body = JSON.stringify({ prompt: "steps=1 hang", width: 64, height: 64 });
  const job = await fetch(`${url}/text-to-image`, { method: "POST", body, headers: { accept: "text/event-stream" } });
  const reader = job.body?.getReader();
  for (let seen = ""; !seen.includes("event: progress"); )
    seen += new TextDecoder().decode((await reader?.read())?.value);
  const [host] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim().split(" ");
  expect(host).toMatch(/^\d+$/);
  child.kill("SIGKILL");
  while (isAlive(host ?? "")) await new Promise((resolve) => setImmediate(resolve));
});

function isAlive(pid: string): boolean {
  try {
    return (readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1) ?? "Z")[0] !== "Z";
  } catch {
    return false;
  }
}
