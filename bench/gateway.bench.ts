/**
 * `npm run bench -- gateway [--json] [--seconds N]`: what the two nodes cost.
 *
 * A runner that answers at once is called directly, then through orchestrator and gateway, in one run on one machine. The
 * caller, both nodes and the runner share its processors. Answers: a short text, a small picture, a picture of 1 MB.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NodeProcess } from "@rivulet/node";
import { processorSeconds, residentMiB } from "./measure.ts";
import { type Case, InstantRunner, pictureRequest, ready, run, startNode } from "./nodes.ts";
import { report } from "./report.ts";

const CONCURRENCIES = [1, 16, 64];
const secondsEach = Number(/--seconds[= ](\d+)/.exec(process.argv.join(" "))?.[1] ?? 5);

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

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "rivulet-bench-"));
  const nodes: NodeProcess[] = [];
  try {
    using runner = await InstantRunner.start(directory);
    const orchestrator = await startNode(nodes, "orchestrator", [
      "orchestrator",
      "-serviceAddr=127.0.0.1:0",
      "-httpAddr=127.0.0.1:0",
      `-aiModels=${runner.models}`,
      `-dataDir=${directory}/orchestrator`,
    ]);
    const gateway = await startNode(nodes, "gateway", [
      "gateway",
      "-httpAddr=127.0.0.1:0",
      `-orchAddr=${orchestrator.address}`,
      "-discoveryInterval=1s",
      `-dataDir=${directory}/gateway`,
    ]);
    await ready(gateway.address);
    await measure(runner, gateway, orchestrator);
  } finally {
    for (const node of nodes.toReversed()) await node.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measure(runner: InstantRunner, gateway: NodeProcess, orchestrator: NodeProcess): Promise<void> {
  const rows: Record<string, string | number>[] = [];
  const results: object[] = [];
  const ratios: Record<string, number> = {};
  for (const each of cases) {
    for (const concurrency of CONCURRENCIES) {
      const alone = await run(runner.address, each, concurrency, secondsEach);
      const cpuBefore = [gateway.pid, orchestrator.pid, runner.pid, process.pid].map(processorSeconds);
      const through = await run(gateway.address, each, concurrency, secondsEach);
      const cpu = [gateway.pid, orchestrator.pid, runner.pid, process.pid].map(
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

await main();
