import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** What a limit is about: memory a process may write to, or all of its address space. */
export type LimitedMemory = "data" | "as";

const COUNTED = { data: "VmData", as: "VmSize" } as const satisfies Record<LimitedMemory, string>;

/** Limits that the system really keeps need Linux, and the program that sets them for a process that runs. */
export const canLimitMemory = process.platform === "linux" && spawnSync("prlimit", ["--version"]).status === 0;

/** From now on the process gets what it has and so many bytes more, and no others: allocations beyond that fail. */
export function limitMemory(pid: number, what: LimitedMemory, more: number): void {
  const line = new RegExp(`^${COUNTED[what]}:\\s+(\\d+) kB$`, "m");
  const [, kilobytes] = line.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  execFileSync("prlimit", ["--pid", String(pid), `--${what}=${Number(kilobytes) * 1024 + more}:`]);
}
