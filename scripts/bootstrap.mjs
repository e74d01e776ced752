#!/usr/bin/env node
// Runs a verb of this repository on a machine that has nothing but Node.js 20 and a bare clone: brings Node.js 24 when the
// machine's own is older, installs the packages when the lock file changed, then hands over. Plain JavaScript, no imports
// but Node's own, because it runs before anything is installed. Why two stages: docs/decisions/0001-two-stage-node.md.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const wantedNode = readFileSync(join(root, ".nvmrc"), "utf8").trim();
const stampFile = join(root, "node_modules/.rivulet-installed");

/** What each verb runs under Node.js 24. Further arguments follow. */
const verbs = {
  start: ["apps/rivulet/src/main.ts", "demo"],
  rivulet: ["apps/rivulet/src/main.ts"],
  test: ["node_modules/vitest/vitest.mjs", "run"],
  check: ["scripts/verbs/check.ts"],
  e2e: ["scripts/verbs/e2e.ts"],
  fuzz: ["fuzz/run.ts"],
  bench: ["scripts/verbs/bench.ts"],
  docs: ["scripts/verbs/docs.ts"],
  "models:check": ["models/check/main.ts"],
};

/** A signal that arrives again this soon is the same one: npm passes on what the terminal has sent to everybody anyway. */
const SAME_SIGNAL_MS = 250;

/** A lock older than this was left behind by a machine that lost power; an installation never takes as long. */
const STALE_LOCK_MS = 15 * 60_000;

async function main() {
  const [verb, ...args] = process.argv.slice(2);
  const command = Object.hasOwn(verbs, verb ?? "") ? verbs[verb] : undefined;
  if (command === undefined) throw new Failure(`usage: bootstrap.mjs ${Object.keys(verbs).join("|")} [arguments]`, 2);

  if (!isInstalled()) await locked(install);
  const node = nodeProgram();
  // What starts processes of its own finds the same Node.js first.
  const path = `${dirname(node)}${delimiter}${process.env.PATH ?? ""}`;
  const lifeline = pathToFileURL(join(root, "scripts/lifeline.mjs")).href;
  const [file, ...rest] = command;
  process.exitCode = await run(node, ["--import", lifeline, join(root, file), ...rest, ...args], {
    cwd: verb === "rivulet" || verb === "start" ? (process.env.INIT_CWD ?? process.cwd()) : root,
    env: {
      ...process.env,
      PATH: path,
      RIVULET_LIFELINE: "3",
      // Halves the time every node takes to start: our files are TypeScript, and are compiled once.
      NODE_COMPILE_CACHE: join(root, "node_modules/.cache/node"),
      // ONNX Runtime would report its use to its makers, over the network.
      ORT_DISABLE_TELEMETRY: "1",
    },
    stdio: ["inherit", "inherit", "inherit", "pipe"],
  });
}

/** The Node.js that runs everything: the one that runs this when it is new enough, else the one we bring. */
function nodeProgram() {
  if (major(process.versions.node) >= major(wantedNode)) return process.execPath;
  return join(root, "tools/node/node_modules", `node-${process.platform}-${process.arch}`, "bin/node");
}

function hasNode() {
  const program = nodeProgram();
  if (program === process.execPath) return true;
  return existsSync(program) && versionIn(dirname(dirname(program))) === wantedNode;
}

function isInstalled() {
  return hasNode() && existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp();
}

/** What exactly has been installed. Add-ons are chosen for the Node.js that installs them, so it belongs to the stamp. */
function stamp() {
  const lockFile = readFileSync(join(root, "package-lock.json"));
  const node = nodeProgram() === process.execPath ? process.versions.node : wantedNode;
  return `${createHash("sha256").update(lockFile).digest("hex")} node-${major(node)}\n`;
}

async function install() {
  if (!hasNode()) {
    await step(`bringing Node.js ${wantedNode} (this machine has ${process.versions.node})`, () =>
      npm(["ci"], join(root, "tools/node")),
    );
    if (!hasNode())
      throw new Failure(
        `there is no ready-made Node.js ${wantedNode} for ${process.platform}-${process.arch}: install it and try again`,
      );
  }
  if (isInstalled()) return;
  await step("installing packages", () => npm(["ci"], root, nodeProgram()));
  writeFileSync(stampFile, stamp());
}

/** Runs npm quietly: what it says is shown when it fails. Runs it under `node` when one is given. */
async function npm(args, cwd, node) {
  const path = node === undefined ? process.env.PATH : `${dirname(node)}${delimiter}${process.env.PATH ?? ""}`;
  let said = "";
  const code = await run("npm", [...args, "--no-audit", "--no-fund", "--no-progress"], {
    cwd,
    // onnxruntime-node's script would fetch CUDA libraries from elsewhere, and fail without a network.
    env: { ...process.env, PATH: path, ONNXRUNTIME_NODE_INSTALL: "skip" },
    stdio: ["ignore", "pipe", "pipe"],
    onOutput: (text) => {
      said = (said + text).slice(-20_000);
    },
  });
  if (code !== 0) throw new Failure(`${said.trim()}\nnpm ${args.join(" ")} failed in ${cwd} (exit code ${code})`, code);
}

/**
 * Runs a program to its end and resolves to its exit code. It gets a process group of its own, so that a signal
 * reaches it exactly once: through us.
 */
function run(program, args, { onOutput, ...options }) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, detached: process.platform !== "win32" });
    let last = { signal: "", at: Number.NEGATIVE_INFINITY };
    const forward = (signal) => {
      const at = performance.now();
      if (last.signal === signal && at - last.at < SAME_SIGNAL_MS) return;
      last = { signal, at };
      child.kill(signal);
    };
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
    for (const signal of signals) process.on(signal, forward);
    const settle = () => {
      for (const signal of signals) process.off(signal, forward);
    };
    child.stdout?.on("data", onOutput);
    child.stderr?.on("data", onOutput);
    // The open end of the lifeline: it closes when this process is gone, however it went. It must not keep us here.
    child.stdio[3]?.on("error", () => {});
    child.stdio[3]?.unref();
    child.on("error", (error) => {
      settle();
      reject(new Failure(`cannot run ${program}: ${error.message}`, 127));
    });
    child.on("close", (code, signal) => {
      settle();
      resolve(signal === null ? code : 128 + (constants.signals[signal] ?? 0));
    });
  });
}

/** Shows on standard error what takes longer than a moment. */
async function step(name, work) {
  const begin = performance.now();
  const elapsed = () => `${Math.round((performance.now() - begin) / 1000)} s`;
  const live = process.stderr.isTTY;
  if (!live) process.stderr.write(`${name} …\n`);
  const draw = () => process.stderr.write(`\r${name} … ${elapsed()}`);
  const timer = live ? setInterval(draw, 250) : undefined;
  if (live) draw();
  try {
    await work();
    process.stderr.write(`${live ? "\r" : ""}${name}: done in ${elapsed()}\n`);
  } catch (error) {
    process.stderr.write(live ? "\n" : "");
    throw error;
  } finally {
    clearInterval(timer);
  }
}

/** Two verbs started at once on a bare clone take turns: an installation empties `node_modules` first. */
async function locked(work) {
  const lock = join(root, ".rivulet/installing");
  mkdirSync(dirname(lock), { recursive: true });
  while (!take(lock)) await new Promise((resolve) => setTimeout(resolve, 200));
  try {
    await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function take(lock) {
  try {
    writeFileSync(lock, `${process.pid}`, { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw new Failure(`cannot write to ${root}: ${error.message}`);
    if (isAbandoned(lock)) rmSync(lock, { force: true });
    return false;
  }
}

function isAbandoned(lock) {
  try {
    if (Date.now() - statSync(lock).mtimeMs > STALE_LOCK_MS) return true;
    const owner = Number(readFileSync(lock, "utf8"));
    if (owner > 0) process.kill(owner, 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}

function versionIn(directory) {
  return JSON.parse(readFileSync(join(directory, "package.json"), "utf8")).version;
}

function major(version) {
  return Number(version.split(".")[0]);
}

/** Something to tell the person who ran us, without a stack trace. */
class Failure extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Failure ? error.message : error);
  process.exitCode = error instanceof Failure ? error.exitCode : 1;
}
