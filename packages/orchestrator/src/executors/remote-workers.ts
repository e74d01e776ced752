import type { Pipeline } from "@rivulet/pipelines";
import { invariant, isError, type Logger, type ModelId } from "@rivulet/primitives";
import type { Hardware } from "@rivulet/wire";
import type { AdmittedJob, Executor, JobResult, JobStream, ModelOffer, Slot } from "../executor.ts";
import type { ResultStore } from "../result-store.ts";
import type { Seat, WorkerRegistry } from "../workers/registry.ts";
import type { Tasks } from "../workers/tasks.ts";

export interface RemoteWorkersPorts {
  readonly registry: WorkerRegistry;
  readonly tasks: Tasks;
  /** Where workers fetch the files of a job. */
  readonly results: ResultStore;
  /** The URL under which a stored file can be fetched. */
  readonly urlOf: (path: string) => string;
  readonly log: Logger;
}

/** Attached workers as one executor. A job whose worker is lost is done once more, by another. */
export class RemoteWorkers implements Executor {
  readonly #ports: RemoteWorkersPorts;

  constructor(ports: RemoteWorkersPorts) {
    this.#ports = ports;
  }

  offers(): readonly ModelOffer[] {
    return this.#ports.registry.offers();
  }

  hardware(): readonly Hardware[] {
    return this.#ports.registry.hardware();
  }

  tryReserve(pipeline: Pipeline, model: ModelId): Slot | undefined {
    const seat = this.#ports.registry.tryReserve(pipeline, model);
    return seat === undefined ? undefined : new RemoteSlot(seat, this.#ports);
  }

  onOffersChanged(listener: () => void): Disposable {
    return this.#ports.registry.onOffersChanged(listener);
  }
}

class RemoteSlot implements Slot {
  readonly #ports: RemoteWorkersPorts;
  /** Absent while a task has it: a failed task gives the slot back itself, because the worker may still be at it. */
  #seat: Seat | undefined;

  constructor(seat: Seat, ports: RemoteWorkersPorts) {
    this.#seat = seat;
    this.#ports = ports;
  }

  async run(job: AdmittedJob, { signal }: { readonly signal: AbortSignal }): Promise<JobResult | JobStream> {
    const { registry, results, urlOf, log } = this.#ports;
    const [input] = Object.values(job.media);
    // Not under the type that the application said: it is served from our own address.
    const path =
      input === undefined
        ? undefined
        : results.put(job.requestId, { bytes: input.bytes, contentType: "application/octet-stream" });
    const inputUrl = path === undefined ? "" : urlOf(path);
    try {
      return await this.#attempt(job, inputUrl, signal);
    } catch (error) {
      if (!isError(error, "worker.lost") || signal.aborted) throw error;
      this.#seat = registry.tryReserve(job.pipeline, job.model);
      if (this.#seat === undefined) throw error;
      log.warn("job goes to another worker", { pipeline: job.pipeline.name, model: job.model });
      return await this.#attempt(job, inputUrl, signal);
    } finally {
      if (path !== undefined) results.remove(path);
    }
  }

  [Symbol.dispose](): void {
    this.#seat?.lease.release();
    this.#seat = undefined;
  }

  async #attempt(job: AdmittedJob, inputUrl: string, signal: AbortSignal): Promise<JobResult | JobStream> {
    const seat = this.#seat;
    invariant(seat !== undefined, "a slot does one job");
    this.#seat = undefined;
    const result = await this.#ports.tasks.run(job, inputUrl, seat, signal);
    this.#seat = seat;
    return result;
  }
}
