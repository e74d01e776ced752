import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type Clock, type Milliseconds, seconds } from "@rivulet/primitives";

/** A GPU as peers want to know it; memory in bytes. Source: runner-and-models 2.2. */
interface Gpu {
  readonly id: string;
  readonly name: string;
  readonly memory_total: number;
  readonly memory_free: number;
  /** Compute capability. */
  readonly major: number;
  readonly minor: number;
  /** Percent. */
  readonly utilization_compute: number;
  readonly utilization_memory: number;
}

/** GPUs by their index, in decimal. */
export type Gpus = Readonly<Record<string, Gpu>>;

const QUERY = [
  "index",
  "uuid",
  "name",
  "memory.total",
  "memory.free",
  "compute_cap",
  "utilization.gpu",
  "utilization.memory",
] as const;
const MIB = 1_048_576;
/** Asking the driver takes tens of milliseconds; nobody needs it fresher. */
const FRESH_FOR: Milliseconds = seconds(1);
/** Source: runner-and-models 3.4. */
const QUERY_TIMEOUT: Milliseconds = seconds(5);

/** Asks the driver's own tool. A machine without one has no GPU. */
async function queryNvidiaSmi(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(
      "nvidia-smi",
      [`--query-gpu=${QUERY.join(",")}`, "--format=csv,noheader,nounits"],
      { timeout: QUERY_TIMEOUT },
    );
    return stdout;
  } catch {
    return ""; // no tool, no driver, no answer: what peers expect then is an empty list
  }
}

/** What the tool printed, as GPUs. Lines that are not eight values are skipped, numbers it does not know are 0. */
export function parseGpus(csv: string): Gpus {
  const rows = csv.split("\n").map((line) => line.split(",").map((cell) => cell.trim()));
  return Object.fromEntries(
    rows.flatMap(([index = "", id = "", name = "", total, free, capability = "", compute, memory, ...rest]) => {
      if (memory === undefined || rest.length > 0 || !/^\d+$/.test(index)) return [];
      const [major, minor] = capability.split(".");
      const gpu: Gpu = {
        id,
        name,
        memory_total: number(total) * MIB,
        memory_free: number(free) * MIB,
        major: number(major),
        minor: number(minor),
        utilization_compute: number(compute),
        utilization_memory: number(memory),
      };
      return [[index, gpu]];
    }),
  );
}

function number(text: string | undefined): number {
  const value = Number(text);
  return Number.isFinite(value) ? value : 0;
}

/** The GPUs of this machine, asked at most once a second however many want to know. */
export class Hardware {
  readonly #query: () => Promise<string>;
  readonly #clock: Clock;
  #last: { readonly at: Milliseconds; readonly gpus: Promise<Gpus> } | undefined;

  constructor(ports: { readonly clock: Clock; readonly query?: () => Promise<string> }) {
    this.#query = ports.query ?? queryNvidiaSmi;
    this.#clock = ports.clock;
  }

  gpus(): Promise<Gpus> {
    const now = this.#clock.monotonic();
    if (this.#last === undefined || now - this.#last.at >= FRESH_FOR)
      this.#last = { at: now, gpus: this.#query().then(parseGpus) };
    return this.#last.gpus;
  }
}
