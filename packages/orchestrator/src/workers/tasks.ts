import type { Pipeline } from "@rivulet/pipelines";
import {
  type Clock,
  clockDeadline,
  type Lease,
  type Milliseconds,
  orAborted,
  type Randomness,
  RivuletError,
} from "@rivulet/primitives";
import type { AdmittedJob, JobResult, JobStream } from "../executor.ts";
import type { AttachedWorker, Notification } from "./attached-worker.ts";

/** A job at a worker, from its notification until its result, or until nobody believes in one any more. */
export interface Task {
  readonly id: number;
  readonly worker: AttachedWorker;
  readonly pipeline: Pipeline;
  readonly model: string;
  /** Aborts when the job is called off. */
  readonly signal: AbortSignal;
  /** A result came. */
  resolve(result: JobResult | JobStream): void;
  reject(error: unknown): void;
}

interface OpenTask extends Task {
  readonly notification: Notification;
  /** The job was called off: its result will be late. */
  isAbandoned: boolean;
  readonly outcome: Promise<JobResult | JobStream>;
  readonly ended: AbortController;
}

/** Room for as many numbers again, before they stop being exact. */
const FIRST_ID_BYTES = 6;

/**
 * Jobs that workers have and that no result has come for. Numbers begin anywhere: a result of a job that this orchestrator
 * gave out before it was started anew must not be taken for another job's.
 */
export class Tasks {
  readonly #limit: Milliseconds;
  readonly #clock: Clock;
  readonly #tasks = new Map<number, OpenTask>();
  #next: number;

  constructor(
    options: { readonly limit: Milliseconds },
    ports: { readonly clock: Clock; readonly randomness: Randomness },
  ) {
    this.#limit = options.limit;
    this.#clock = ports.clock;
    this.#next = Buffer.from(ports.randomness.bytes(FIRST_ID_BYTES)).readUIntBE(0, FIRST_ID_BYTES);
  }

  get size(): number {
    return this.#tasks.size;
  }

  /** Takes a task out for its result; `undefined` when there is none, it has been taken, or nobody waits any more. */
  take(id: number): Task | undefined {
    const task = this.#tasks.get(id);
    if (task === undefined) return undefined;
    this.#end(task);
    return task.isAbandoned ? undefined : task;
  }

  /** Tells a worker that came back about those of its jobs that it does not say it has: they were lost on the way. */
  remind(worker: AttachedWorker, running: ReadonlySet<number>): void {
    for (const task of this.#tasks.values())
      if (task.worker === worker && !running.has(task.id) && !task.isAbandoned) worker.notify(task.notification);
  }

  /**
   * Tells the worker about a job and waits for its result: until `signal` aborts, the worker departs or the limit has
   * passed. A worker that let the limit pass is sent away.
   *
   * `lease` comes back at once, except when `signal` aborts: then the worker still works, and it comes back when that ends.
   */
  async run(
    job: AdmittedJob,
    inputUrl: string,
    seat: { readonly worker: AttachedWorker; readonly lease: Lease },
    signal: AbortSignal,
  ): Promise<JobResult | JobStream> {
    const { worker, lease } = seat;
    const task = this.#open(job, inputUrl, worker, signal);
    if (!worker.notify(task.notification)) {
      this.#end(task);
      lease.release();
      throw new RivuletError("worker.lost", { reason: "it does not read its stream" });
    }
    const ending = this.#untilEnded(task);
    try {
      return await orAborted(task.outcome, signal);
    } catch (error) {
      task.isAbandoned = this.#tasks.has(task.id);
      if (task.isAbandoned) ending.finally(() => lease.release());
      else lease.release();
      throw error;
    }
  }

  #open(job: AdmittedJob, inputUrl: string, worker: AttachedWorker, signal: AbortSignal): OpenTask {
    const { promise: outcome, resolve, reject } = Promise.withResolvers<JobResult | JobStream>();
    // An abandoned task may fail with nobody there to hear it.
    outcome.catch(() => {});
    const id = this.#next++;
    const task: OpenTask = {
      id,
      notification: {
        taskId: id,
        pipeline: job.pipeline.name,
        files: Object.keys(job.media),
        inputUrl,
        request: job.request,
      },
      isAbandoned: false,
      worker,
      pipeline: job.pipeline,
      model: job.model,
      signal,
      outcome,
      ended: new AbortController(),
      resolve,
      reject,
    };
    this.#tasks.set(task.id, task);
    return task;
  }

  /** Resolves when the task has been taken, its worker has departed, or the limit has passed. */
  async #untilEnded(task: OpenTask): Promise<void> {
    using limit = clockDeadline(this.#clock, this.#limit, task.worker.departed.signal, task.ended.signal);
    await new Promise<void>((resolve) => {
      if (limit.aborted) return resolve();
      limit.addEventListener("abort", () => resolve(), { once: true });
    });
    if (task.ended.signal.aborted) return;
    this.#end(task);
    task.reject(limit.reason);
    if (!task.worker.departed.signal.aborted) task.worker.sendAway();
  }

  #end(task: OpenTask): void {
    this.#tasks.delete(task.id);
    task.ended.abort();
  }
}
