import { readdirSync, readFileSync } from "node:fs";

/** Our own children that run a model host, by process id. Linux only. */
export function hostProcesses(): readonly number[] {
  return readdirSync("/proc").map(Number).filter(isOurHost);
}

function isOurHost(pid: number): boolean {
  if (Number.isNaN(pid)) return false;
  try {
    const [, status = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
    const isOurs = status.split(" ")[1] === String(process.pid);
    return isOurs && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("host-main");
  } catch {
    return false; // it ended while we looked
  }
}
