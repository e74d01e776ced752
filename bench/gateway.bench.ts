/**
 * `npm run bench -- gateway [--json] [--seconds N]`: what the two nodes cost.
 *
 * A runner that answers at once is called directly, then through orchestrator and gateway, in one run on one machine. The
 * caller, both nodes and the runner share its processors. Answers: a short text, a small picture, a picture of 1 MB.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encodePng } from "@rivulet/media";
import { NodeProcess } from "@rivulet/node";
import { Pool } from "undici";
import { type Load, load, processorSeconds, residentMiB } from "./measure.ts";
import { report } from "./report.ts";

const CONCURRENCIES = [1, 16, 64];
/** Slots of each model, so that none of the callers waits for one. */
const SLOTS = 1024;
const secondsEach = Number(/--seconds[= ](\d+)/.exec(process.argv.join(" "))?.[1] ?? 5);

interface Case {
  readonly name: string;
  readonly path: string;
  readonly body: string;
}

const cases: readonly Case[] = [
  {
    name: "text 0.3 kB",
    path: "/llm",
    body: JSON.stringify({
      model: "bench/text",
      messages: [{ role: "user", content: "say something short" }],
      max_tokens: 16,
    }),
  },
  { name: "picture 1 kB", path: "/text-to-image", body: pictureRequest("bench/small", 64) },
  { name: "picture 1 MB", path: "/text-to-image", body: pictureRequest("bench/large", 592) },
];

function pictureRequest(model: string, size: number): string {
  return JSON.stringify({
    model_id: model,
    prompt: "a circle",
    width: size,
    height: size,
    seed: 1,
    num_inference_steps: 1,
  });
}

/** A picture that does not compress: its file is as large as its pixels. */
function noise(size: number): Promise<Uint8Array> {
  const rgb = new Uint8Array(size * size * 3);
  let state = 1;
  for (let i = 0; i < rgb.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    rgb[i] = state >>> 24;
  }
  return encodePng({ width: size, height: size, data: rgb });
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "rivulet-bench-"));
  const nodes: NodeProcess[] = [];
  const small = join(directory, "small.png");
  const large = join(directory, "large.png");
  writeFileSync(small, await noise(64));
  writeFileSync(large, await noise(592));
  const runner = spawn(process.execPath, [fileURLToPath(new URL("instant-runner.ts", import.meta.url)), small, large], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  try {
    const [line]: readonly unknown[] = await once(runner.stdout, "data");
    const direct = String(line).trim();
    const orchestrator = await start(nodes, "orchestrator", [
      "orchestrator",
      "-serviceAddr=127.0.0.1:0",
      "-httpAddr=127.0.0.1:0",
      `-aiModels=${JSON.stringify(externalModels(direct))}`,
      `-dataDir=${directory}/orchestrator`,
    ]);
    const gateway = await start(nodes, "gateway", [
      "gateway",
      "-httpAddr=127.0.0.1:0",
      `-orchAddr=${orchestrator.address}`,
      "-discoveryInterval=1s",
      `-dataDir=${directory}/gateway`,
    ]);
    await ready(gateway.address);
    await measure(direct, gateway, orchestrator, runner.pid);
  } finally {
    for (const node of nodes.toReversed()) await node.stop();
    runner.stdin.end();
    rmSync(directory, { recursive: true, force: true });
  }
}

function externalModels(url: string): readonly object[] {
  const model = (pipeline: string, model_id: string) => ({ pipeline, model_id, url, warm: true, capacity: SLOTS });
  return [model("llm", "bench/text"), model("text-to-image", "bench/small"), model("text-to-image", "bench/large")];
}

async function start(nodes: NodeProcess[], name: string, args: readonly string[]): Promise<NodeProcess> {
  const main = fileURLToPath(new URL("../apps/rivulet/src/main.ts", import.meta.url));
  const node = new NodeProcess({
    name,
    program: [process.execPath, main],
    args: [...args, "-logLevel=info"],
    env: process.env,
  });
  nodes.push(node);
  await node.start();
  return node;
}

/** The gateway asks its orchestrators in the background: wait until it has heard of every model. */
async function ready(gateway: string): Promise<void> {
  for (;;) {
    const network = await fetch(`${gateway}/network`);
    const text = await network.text();
    if (["bench/text", "bench/small", "bench/large"].every((model) => text.includes(model))) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function measure(
  direct: string,
  gateway: NodeProcess,
  orchestrator: NodeProcess,
  runnerPid: number | undefined,
): Promise<void> {
  const rows: Record<string, string | number>[] = [];
  const results: object[] = [];
  const ratios: Record<string, number> = {};
  for (const each of cases) {
    for (const concurrency of CONCURRENCIES) {
      const alone = await run(direct, each, concurrency);
      const cpuBefore = [gateway.pid, orchestrator.pid, runnerPid, process.pid].map(processorSeconds);
      const through = await run(gateway.address, each, concurrency);
      const cpu = [gateway.pid, orchestrator.pid, runnerPid, process.pid].map(
        (pid, i) => ((processorSeconds(pid) - (cpuBefore[i] ?? 0)) * 1000) / through.requests,
      );
      const added = through.latency.p50 - alone.latency.p50;
      rows.push({
        answer: each.name,
        at_once: concurrency,
        "direct/s": Math.round(alone.perSecond),
        "through/s": Math.round(through.perSecond),
        p50: through.latency.p50,
        p99: through.latency.p99,
        "p99.9": through.latency.p999,
        "added p50": added,
        "cpu gw+orch ms": (cpu[0] ?? 0) + (cpu[1] ?? 0),
        "cpu caller+runner ms": (cpu[2] ?? 0) + (cpu[3] ?? 0),
        "MiB gw": Math.round(residentMiB(gateway.pid)),
        "MiB orch": Math.round(residentMiB(orchestrator.pid)),
        failed: alone.failed + through.failed,
      });
      results.push({ answer: each.name, concurrency, direct: alone, through, addedP50: added, cpuPerRequestMs: cpu });
      // Processor time against processor time: the one ratio that a busy machine leaves as it is.
      ratios[`${each.name}, ${concurrency} at once: nodes / caller and runner`] =
        ((cpu[0] ?? 0) + (cpu[1] ?? 0)) / ((cpu[2] ?? 0) + (cpu[3] ?? 0));
    }
  }
  report("gateway", rows, { results }, ratios);
}

async function run(origin: string, each: Case, concurrency: number): Promise<Load> {
  const pool = new Pool(origin, { connections: concurrency, pipelining: 1 });
  const call = async () => {
    const answer = await pool.request({
      method: "POST",
      path: each.path,
      headers: { "content-type": "application/json" },
      body: each.body,
    });
    const text = await answer.body.arrayBuffer();
    if (answer.statusCode !== 200)
      throw new Error(`${answer.statusCode}: ${Buffer.from(text).toString().slice(0, 300)}`);
  };
  try {
    await call();
    // The first second warms connections and the compiler up.
    await load(call, concurrency, 1000);
    return await load(call, concurrency, secondsEach * 1000);
  } finally {
    await pool.close();
  }
}

await main();
