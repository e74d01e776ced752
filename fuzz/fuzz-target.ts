import { existsSync, readdirSync, readFileSync } from "node:fs";
import { threadCpuUsage } from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import { isError } from "@rivulet/primitives";
import { CurrentInput } from "./current-input.ts";
import { drawFrom, MAX_INPUT, mutate } from "./mutate.ts";
import { shapeOf } from "./shape.ts";
import type { Target } from "./target.ts";

/** What this thread is started with. */
export interface Assignment {
  readonly target: string;
  readonly seed: number;
  readonly seconds: number;
  readonly memory: SharedArrayBuffer;
  /** Only this input, instead of many. */
  readonly input?: Uint8Array;
}

/** What this thread says in the end. */
export type Report =
  | { readonly kind: "passed"; readonly runs: number; readonly shapes: number; readonly found: readonly Uint8Array[] }
  | { readonly kind: "failed"; readonly runs: number; readonly reason: string; readonly input: Uint8Array };

/** The time that one input may take, of this thread alone: other work on the machine does not count. */
const MAX_CPU_MS = 1000;
/** Inputs kept because of their shape, and the size up to which they are: long ones make every later one slow. */
const MAX_KEPT = 4000;
const MAX_KEPT_BYTES = 8 * 1024;
/** What may be worth committing: small inputs, and of those the last found, which were the hardest to find. */
const MAX_FOUND_BYTES = 512;
const MAX_FOUND = 8;

const { target: name, seed, seconds, memory, input: only }: Assignment = workerData;
const current = new CurrentInput(memory);
const { target }: { target: Target } = await import(`./targets/${name}.ts`);
const report: Report = await run();
parentPort?.postMessage(report);

async function run(): Promise<Report> {
  const draw = drawFrom(seed);
  const words = (target.words ?? []).map((word) => new Uint8Array(Buffer.from(word)));
  const kept: Uint8Array[] = only === undefined ? [...target.corpus, ...committed()] : [only];
  const seeds = kept.length;
  const shapes = new Set<string>();
  const found: Uint8Array[] = [];
  const end = performance.now() + seconds * 1000;
  let runs = 0;
  for (;;) {
    const isSeed = runs < seeds;
    if (!isSeed && (only !== undefined || performance.now() >= end)) break;
    const from = isSeed ? runs : draw(kept.length);
    const parent = kept[from] ?? new Uint8Array();
    const input = isSeed ? parent : mutate(parent, kept, words, draw).subarray(0, target.longest);
    runs += 1;
    const outcome = await tried(input);
    if (outcome.kind === "crash") return { kind: "failed", runs, reason: outcome.reason, input };
    if (shapes.has(outcome.shape)) continue;
    shapes.add(outcome.shape);
    if (isSeed || input.length > MAX_KEPT_BYTES) continue;
    if (input.length <= MAX_FOUND_BYTES && found.push(input) > MAX_FOUND) found.shift();
    if (kept.length < MAX_KEPT) kept.push(input);
    else kept[seeds + draw(MAX_KEPT - seeds)] = input;
  }
  return { kind: "passed", runs, shapes: shapes.size, found };
}

type Outcome =
  | { readonly kind: "answer"; readonly shape: string }
  | { readonly kind: "crash"; readonly reason: string };

async function tried(input: Uint8Array): Promise<Outcome> {
  current.begin(input);
  const before = threadCpuUsage();
  let answer: unknown;
  try {
    const returned = target.fuzz(Uint8Array.from(input));
    answer = returned instanceof Promise ? await returned : returned;
  } catch (error) {
    if (!isError(error))
      return { kind: "crash", reason: error instanceof Error ? (error.stack ?? error.message) : `${error}` };
    answer = error;
  }
  const { user, system } = threadCpuUsage(before);
  const tookMs = (user + system) / 1000;
  if (tookMs > MAX_CPU_MS) return { kind: "crash", reason: `took ${Math.round(tookMs)} ms for ${input.length} bytes` };
  return { kind: "answer", shape: shapeOf(answer) };
}

function committed(): readonly Uint8Array[] {
  const folder = new URL(`./corpus/${name}/`, import.meta.url);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((file) => new Uint8Array(readFileSync(new URL(file, folder))).subarray(0, MAX_INPUT));
}
