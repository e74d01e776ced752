import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { CurrentInput } from "./current-input.ts";
import type { Assignment, Report } from "./fuzz-target.ts";

/**
 * Fuzzes every parser for some seconds: `npm run fuzz -- [--seconds 30] [--target NAME] [--seed N]`. Each runs in a thread
 * of its own, which is ended when it hangs or takes too much memory. A failing input is saved; `--input FILE` with
 * `--target` tries it again. `--grow` adds inputs that led somewhere new to the corpus.
 */
const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "30" },
    target: { type: "string" },
    seed: { type: "string" },
    input: { type: "string" },
    grow: { type: "boolean", default: false },
  },
});

/** An input is tried in microseconds; one that keeps its thread this long will keep it for ever. */
const HANG_MS = 20_000;
const LOOK_MS = 500;
/** What a parser may hold, with what the pipeline definitions and their schemas take. */
const MAX_HEAP_MB = 512;

const here = new URL("./", import.meta.url);
const saved = new URL("../.rivulet/fuzz/", import.meta.url);
const every = readdirSync(new URL("targets/", here))
  .map((file) => file.replace(/\.ts$/, ""))
  .sort();
const seconds = Number(options.seconds);
const seed = options.seed === undefined ? Math.floor(performance.timeOrigin) % 2 ** 31 : Number(options.seed);
const chosen = options.target === undefined ? every : every.filter((name) => name === options.target);
if (!Number.isFinite(seconds) || seconds < 0 || !Number.isInteger(seed)) stop("--seconds and --seed are numbers");
if (chosen.length === 0) stop(`there is no target ${options.target}; there are ${every.join(", ")}`);
if (options.input !== undefined && chosen.length !== 1) stop("--input goes with --target");

console.log(`seed ${seed}`);
const waiting = [...chosen];
let failed = 0;
await Promise.all(Array.from({ length: Math.min(availableParallelism(), chosen.length) }, work));
console.log(`${chosen.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

async function work(): Promise<void> {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    const report = await fuzzed(name);
    if (report.kind === "passed") {
      console.log(`ok      ${name}: ${report.runs} inputs, ${report.shapes} shapes`);
      if (options.grow) for (const input of report.found) keep(new URL(`corpus/${name}/`, here), input);
    } else {
      failed += 1;
      const file = keep(new URL(`${name}/`, saved), report.input);
      console.log(`FAILED  ${name}: after ${report.runs} inputs: ${report.reason}`);
      console.log(`        again: npm run fuzz -- --target ${name} --input ${file}`);
    }
  }
}

function fuzzed(target: string): Promise<Report> {
  const current = new CurrentInput();
  const input = options.input === undefined ? {} : { input: new Uint8Array(readFileSync(options.input)) };
  const workerData: Assignment = { target, seed, seconds, memory: current.memory, ...input };
  const worker = new Worker(new URL("fuzz-target.ts", here), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  });
  return new Promise((resolve) => {
    let last = { count: 0, at: performance.now() };
    const timer = setInterval(() => {
      const { count } = current;
      if (count !== last.count) last = { count, at: performance.now() };
      // Before the first input the thread still loads.
      else if (count > 0 && performance.now() - last.at > HANG_MS) fail(`hangs: nothing came in ${HANG_MS} ms`);
    }, LOOK_MS);
    const settle = (report: Report) => {
      clearInterval(timer);
      resolve(report);
      void worker.terminate();
    };
    const fail = (reason: string) => settle({ kind: "failed", runs: current.count, reason, input: current.read() });
    worker.on("message", settle);
    worker.on("error", (error) => fail(error instanceof Error ? (error.stack ?? error.message) : String(error)));
    worker.on("exit", (code) => fail(`its thread ended with ${code}`));
  });
}

/** Writes an input under a name that follows from it. */
function keep(folder: URL, input: Uint8Array): string {
  mkdirSync(folder, { recursive: true });
  const file = new URL(createHash("sha256").update(input).digest("hex").slice(0, 16), folder);
  writeFileSync(file, input);
  return fileURLToPath(file);
}

function stop(message: string): never {
  console.error(message);
  process.exit(2);
}
