import { readdirSync, readFileSync } from "node:fs";

export interface ProcessSeen {
  readonly pid: number;
  readonly command: string;
  /** Processor time it has used. */
  readonly seconds: number;
}

/** All processes that a process started, and those they started. */
export function descendants(root: number | undefined): readonly ProcessSeen[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    const parent = Number(statOf(Number(name))?.[1]);
    if (parent > 0) parents.set(Number(name), parent);
  }
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === root || isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow).map((pid) => {
    const fields = statOf(pid) ?? [];
    return { pid, command: commandOf(pid), seconds: (Number(fields[11]) + Number(fields[12])) / 100 };
  });
}

/** The fields of `/proc/PID/stat` after the name: state, parent, … */
function statOf(pid: number): readonly string[] | undefined {
  if (!Number.isInteger(pid)) return undefined;
  return read(`/proc/${pid}/stat`)?.split(") ").at(-1)?.split(" ");
}

function commandOf(pid: number): string {
  return (read(`/proc/${pid}/cmdline`) ?? "").replaceAll("\0", " ").trim();
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
