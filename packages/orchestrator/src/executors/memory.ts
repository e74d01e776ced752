import type { Pipeline } from "@rivulet/pipelines";
import { type ModelId, modelId } from "@rivulet/primitives";
import type { Hardware } from "@rivulet/wire";
import { Capacity } from "../capacity.ts";
import type { AdmittedJob, Executor, JobResult, JobStream, ModelOffer, Slot } from "../executor.ts";
import { Listeners } from "../listeners.ts";

export interface MemoryModel {
  readonly pipeline: Pipeline;
  readonly model: string;
  readonly slots: number;
  readonly isWarm?: boolean;
  readonly runnerVersion?: string;
}

/** An executor whose work is a function in this process: for embedding, and for tests of everything above it. */
export class MemoryExecutor implements Executor {
  readonly #work: (job: AdmittedJob, signal: AbortSignal) => Promise<JobResult | JobStream>;
  readonly #capacity = new Capacity();
  readonly #listeners = new Listeners();
  #models: readonly MemoryModel[] = [];

  constructor(
    models: readonly MemoryModel[],
    work: (job: AdmittedJob, signal: AbortSignal) => Promise<JobResult | JobStream>,
  ) {
    this.#work = work;
    this.offer(models);
  }

  /** Replaces what is offered. */
  offer(models: readonly MemoryModel[]): void {
    this.#models = models;
    this.#capacity.set(models);
    this.#listeners.notify();
  }

  offers(): readonly ModelOffer[] {
    return this.#models.map((model) => ({
      pipeline: model.pipeline,
      model: modelId(model.model),
      isWarm: model.isWarm ?? true,
      slots: model.slots,
      free: this.#capacity.free(model),
      runnerVersion: model.runnerVersion ?? "",
    }));
  }

  hardware(): readonly Hardware[] {
    return [];
  }

  tryReserve(pipeline: Pipeline, model: ModelId): Slot | undefined {
    const lease = this.#capacity.tryAcquire({ pipeline, model });
    if (lease === undefined) return undefined;
    return {
      run: async (job, { signal }) => {
        signal.throwIfAborted();
        return await this.#work(job, signal);
      },
      [Symbol.dispose]: () => lease.release(),
    };
  }

  onOffersChanged(listener: () => void): Disposable {
    return this.#listeners.add(listener);
  }
}
