import { readFileSync } from "node:fs";

/** Durations in milliseconds, summed up. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

export interface Load {
  readonly concurrency: number;
  readonly requests: number;
  readonly perSecond: number;
  readonly latency: Latency;
  readonly failed: number;
}

/**
 * Keeps `concurrency` calls under way for `durationMs`, and sums up those that began in that time. A call that throws
 * counts as failed and not as fast.
 */
export async function load(call: () => Promise<void>, concurrency: number, durationMs: number): Promise<Load> {
  const begin = performance.now();
  const took: number[] = [];
  let failed = 0;
  const caller = async () => {
    while (performance.now() - begin < durationMs) {
      const at = performance.now();
      try {
        await call();
        took.push(performance.now() - at);
      } catch {
        failed += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  const seconds = (performance.now() - begin) / 1000;
  return { concurrency, requests: took.length, perSecond: took.length / seconds, latency: latencyOf(took), failed };
}

export function latencyOf(took: readonly number[]): Latency {
  const sorted = took.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999) };
}

/** Resident memory of a process in MiB. */
export function residentMiB(pid: number | undefined): number {
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib) / 1024;
}

/** Processor seconds a process has used. */
export function processorSeconds(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
