import { RivuletError } from "@rivulet/primitives";
import {
  COMPATIBILITY_VERSION,
  encodeWorkerRequest,
  isSecret,
  isVersionAtLeast,
  type WorkerJob,
  type WorkerRegistration,
  workerJobMessage,
} from "@rivulet/wire";
import { offersOfCapabilities } from "../advertise.ts";
import type { Notification } from "./attached-worker.ts";
import type { WorkerRegistry } from "./registry.ts";
import type { Tasks } from "./tasks.ts";
import { RUNNING_TASKS_HEADER, WORKER_ID_HEADER } from "./worker-headers.ts";

/** Registration of workers and the stream of their jobs. Source: wire-protocol 5.1, 5.3. */
export class WorkerStream {
  readonly #secret: string;
  readonly #registry: WorkerRegistry;
  readonly #tasks: Tasks;

  constructor(secret: string, registry: WorkerRegistry, tasks: Tasks) {
    this.#secret = secret;
    this.#registry = registry;
    this.#tasks = tasks;
  }

  /**
   * A worker's jobs, until it leaves (`left` aborts), is sent away, or comes back on another stream. Ends at once, and
   * without a word, for a worker that is too old: so the network does it. Throws "worker.secret-rejected".
   */
  async *serve(registration: WorkerRegistration, headers: Headers, left: AbortSignal) {
    if (!isSecret(registration.secret, this.#secret)) throw new RivuletError("worker.secret-rejected", {});
    const { capabilities, hardware } = registration;
    if (!isVersionAtLeast(capabilities?.version ?? "", COMPATIBILITY_VERSION)) return;
    const offers = capabilities === undefined ? [] : offersOfCapabilities(capabilities);
    const id = idOf(headers.get(WORKER_ID_HEADER));
    const { worker, connection } = this.#registry.connect(id, { offers, hardware });
    this.#tasks.remind(worker, runningOf(headers.get(RUNNING_TASKS_HEADER)));
    // Read or not: a stream that is being closed from the other side is not waiting for its next job.
    const leave = () => void this.#registry.disconnect(worker, connection);
    left.addEventListener("abort", leave, { once: true });
    try {
      if (left.aborted) return;
      for await (const notification of connection.notifications()) yield workerJobMessage(jobOf(notification));
    } finally {
      left.removeEventListener("abort", leave);
      leave();
    }
  }
}

function jobOf({ taskId, pipeline, files, inputUrl, request }: Notification): WorkerJob {
  const withFiles = { ...Object.fromEntries(files.map((field) => [field, null])), ...request };
  return { taskId: BigInt(taskId), pipeline, requestData: encodeWorkerRequest({ inputUrl, request: withFiles }) };
}

function idOf(header: string | null): string | undefined {
  return header !== null && /^[0-9a-f]{32}$/.test(header) ? header : undefined;
}

function runningOf(header: string | null): ReadonlySet<number> {
  const numbers = (header ?? "").split(",", MAX_RUNNING).filter((word) => /^\d{1,15}$/.test(word));
  return new Set(numbers.map(Number));
}

/** Tasks that a worker may say it still has. */
const MAX_RUNNING = 10_000;
