import { address } from "@rivulet/crypto";
/**
 * `npm run bench -- selection [--json]`: what choosing an orchestrator costs when 10, 1,000 or 100,000 offer the model.
 *
 * Half of them are warm. Jobs come one by one, then 64 at once; each ends with a score, as real ones do.
 */

import { type Choice, type OrchestratorSession, Selector } from "@rivulet/gateway";
import { secureRandomness, systemClock } from "@rivulet/node";
import { textToImage } from "@rivulet/pipelines";
import { ms, seconds, serviceUri } from "@rivulet/primitives";
import { latencyOf } from "./measure.ts";
import { report } from "./report.ts";

const SIZES = [10, 1000, 100_000];
const JOBS = 20_000;
const AT_ONCE = 64;
const demand = { pipeline: textToImage.name, model: "bench/model" };
const patience = seconds(1);
const never = new AbortController().signal;

const rows: Record<string, string | number>[] = [];
const results: object[] = [];
const figures = new Map<number, number>();

for (const size of SIZES) {
  const before = process.memoryUsage().heapUsed;
  const selector = new Selector({ queueLength: AT_ONCE, retryWhenAlone: seconds(5) }, { clock: systemClock });
  const sessions = Array.from({ length: size }, (_, index) => session(index));
  const began = performance.now();
  for (const each of sessions) selector.update(each);
  const learn = ((performance.now() - began) * 1000) / size;

  await jobs(selector, JOBS / 4, 1);
  const single = await jobs(selector, JOBS, 1);
  const many = await jobs(selector, JOBS, Math.min(AT_ONCE, size / 2));
  const refreshed = performance.now();
  for (const each of sessions.slice(0, 1000)) selector.update(each);
  const refresh = ((performance.now() - refreshed) * 1000) / Math.min(size, 1000);

  figures.set(size, single.p50);
  rows.push({
    orchestrators: size,
    "choose p50 µs": single.p50,
    "p99 µs": single.p99,
    "p99.9 µs": single.p999,
    "crowded p50 µs": many.p50,
    "learn µs": learn,
    "refresh µs": refresh,
    "heap MiB": Math.max(0, process.memoryUsage().heapUsed - before) / 2 ** 20,
  });
  results.push({
    orchestrators: size,
    chooseMicroseconds: single,
    chooseManyMicroseconds: many,
    learnMicroseconds: learn,
    refreshMicroseconds: refresh,
  });
  selector.close();
}

report(
  "selection",
  rows,
  { results },
  { "choosing among 100000 / among 10": (figures.get(100_000) ?? 0) / (figures.get(10) ?? 1) },
);

/** Latency of choosing, in microseconds, with up to `atOnce` jobs under way; each ends with a score. */
async function jobs(selector: Selector, count: number, atOnce: number) {
  const took: number[] = [];
  while (took.length < count) {
    const choices: Choice[] = [];
    while (choices.length < atOnce) {
      const begin = performance.now();
      choices.push(await selector.acquire(demand, { tried: new Set(), patience, signal: never }));
      took.push((performance.now() - begin) * 1000);
    }
    for (const choice of choices) {
      choice.succeeded({ score: 0.5 + secureRandomness.uniform(), took: ms(1000), load: ms(0) });
      choice[Symbol.dispose]();
    }
  }
  return latencyOf(took);
}

function session(index: number): OrchestratorSession {
  const uri = serviceUri(`https://o${index}.example:8935`);
  return {
    uri,
    serviceUri: uri,
    address: address(`0x${index.toString(16).padStart(40, "0")}`),
    operator: address(`0x${index.toString(16).padStart(40, "0")}`),
    version: "0.9.1",
    token: { token: new Uint8Array(32), sessionId: `${index}`, expiresAt: ms(systemClock.now() + 3_600_000) },
    seenAt: systemClock.now(),
    latency: ms(10),
    offers: [
      {
        pipeline: textToImage,
        model: demand.model,
        isWarm: index % 2 === 0,
        capacity: 1,
        capacityInUse: 0,
        runnerVersion: "0.14.1",
      },
    ],
    hardware: [],
  };
}
