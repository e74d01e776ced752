import { type Clock, isError, linked, type ModelId, RivuletError, type Startable } from "@rivulet/primitives";
import type { HostJob } from "./host/messages.ts";
import type { Progress } from "./implementation.ts";
import { chooseVictims, type MemoryNeed } from "./model-memory.ts";
import {
  type MemoryArbiter,
  PooledModel,
  type PooledModelOptions,
  type PooledModelPorts,
  type PoolModel,
  type WaitEvent,
} from "./pooled-model.ts";

export interface ModelPoolOptions extends PooledModelOptions {
  readonly models: readonly PoolModel[];
  /** Memory that all models together may hold, in bytes. */
  readonly memoryBytes: number;
}

/** What happens to a job on its way, for callers that want to watch. */
export type JobEvent = WaitEvent | { readonly kind: "started" } | Progress;

/** Where the time of a job went, in milliseconds. */
export interface RunTimings {
  readonly queueMs: number;
  /** The part of the waiting in which the model was being loaded; 0 when it was warm. */
  readonly loadMs: number;
  readonly inferenceMs: number;
}

interface MemoryRequest {
  readonly model: PooledModel;
  readonly need: MemoryNeed;
  readonly order: number;
  readonly granted: PromiseWithResolvers<void>;
}

/**
 * The models of this machine: which are in memory, who waits for which, and whose memory goes to whom.
 *
 * Memory is granted in the order it was asked for. What is free is taken first; then idle models that need not be kept
 * are unloaded, the least valuable first; then busy ones are let finish the jobs that came before the request. A model
 * that is kept warm gives way only to a job for another kept one. Source: runner-and-models 9.2.
 *
 * `start` begins to load the models that are kept warm and does not wait for them; jobs do.
 */
export class ModelPool implements Startable, MemoryArbiter {
  readonly #models: ReadonlyMap<string, PooledModel>;
  readonly #memoryBytes: number;
  readonly #clock: Clock;
  readonly #stopped = new AbortController();
  #requests: MemoryRequest[] = [];
  #orders = 0;
  #arbitrating: Promise<void> | undefined;
  #isChanged = false;

  constructor(options: ModelPoolOptions, ports: PooledModelPorts) {
    this.#memoryBytes = options.memoryBytes;
    this.#clock = ports.clock;
    this.#models = new Map(
      options.models.map((model) => [
        keyOf(model.pipeline.name, model.model),
        new PooledModel(model, options, ports, this),
      ]),
    );
  }

  get models(): readonly PooledModel[] {
    return [...this.#models.values()];
  }

  async start(): Promise<void> {
    void this.warmUp();
  }

  /** Loads what is to be kept warm and is not, and resolves when each model is ready or has failed. */
  async warmUp(): Promise<void> {
    await Promise.all(this.models.filter(({ config }) => config.keepWarm).map((model) => model.bringUp()));
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new RivuletError("node.stopping", {}));
    for (const request of this.#requests.splice(0)) request.granted.reject(this.#stopped.signal.reason);
    await Promise.all(this.models.map((model) => model.stop()));
    await this.#arbitrating;
  }

  find(pipeline: string, model: string): PooledModel | undefined {
    return this.#models.get(keyOf(pipeline, model));
  }

  /**
   * Does a job with a model that is here, loading it first when need be. Aborting `signal` takes the job out of the queue
   * or stops it within one step. A job that runs out of memory is done once more after idle models have made room. Throws what `PooledModel.acquire` and `ModelHost.run` throw.
   */
  async run(
    pipeline: string,
    model: ModelId,
    work: HostJob,
    options: { readonly signal: AbortSignal; readonly onEvent?: ((event: JobEvent) => void) | undefined },
  ): Promise<{ readonly response: Record<string, unknown>; readonly timings: RunTimings }> {
    const pooled = this.find(pipeline, model);
    if (pooled === undefined) {
      const offered = this.models.flatMap(({ config }) => (config.pipeline.name === pipeline ? [config.model] : []));
      throw new RivuletError("model.unknown", { pipeline, model, offered });
    }
    using job = linked(options.signal, this.#stopped.signal);
    const order = this.#orders++;
    try {
      return await attempt(pooled, order, work, job.signal, options.onEvent, this.#clock);
    } catch (error) {
      if (!isError(error, "runner.out-of-memory") || job.signal.aborted) throw error;
      pooled.outgrow();
      const idle = this.models.filter((other) => other !== pooled && other.isIdle && givesWay(other, pooled));
      if (idle.length === 0) throw error;
      await Promise.all(idle.map((other) => other.evict()));
      return await attempt(pooled, order, work, job.signal, options.onEvent, this.#clock);
    }
  }

  async reserve(model: PooledModel, need: MemoryNeed, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const request = { model, need, order: this.#orders++, granted: Promise.withResolvers<void>() };
    const withdraw = () => {
      this.#requests = this.#requests.filter((other) => other !== request);
      request.granted.reject(signal.reason);
      this.changed();
    };
    signal.addEventListener("abort", withdraw, { once: true });
    this.#requests.push(request);
    this.changed();
    try {
      await request.granted.promise;
    } finally {
      signal.removeEventListener("abort", withdraw);
    }
  }

  /** Looks again who can be granted memory. Changes during a look cause one more. */
  changed(): void {
    this.#isChanged = true;
    if (this.#arbitrating !== undefined || this.#stopped.signal.aborted) return;
    this.#arbitrating = Promise.resolve().then(() => this.#arbitrate());
  }

  async #arbitrate(): Promise<void> {
    while (this.#isChanged && !this.#stopped.signal.aborted) {
      this.#isChanged = false;
      const [head] = this.#requests;
      if (head === undefined) for (const model of this.models) model.drain(undefined);
      else await this.#serve(head);
    }
    this.#arbitrating = undefined;
  }

  /** Takes one step towards granting the first request. */
  async #serve(head: MemoryRequest): Promise<void> {
    const held = (models: readonly PooledModel[]) => models.reduce((sum, model) => sum + model.heldBytes, 0);
    const candidates = this.models.filter((model) => model !== head.model && givesWay(model, head.model));
    const free = this.#memoryBytes - held(this.models);
    const obtainable = free + held(candidates);
    if (obtainable < head.need.least) return this.#close(head, () => head.granted.reject(this.#noRoom(head)));
    const bytes = Math.min(head.need.wanted, obtainable);
    const missing = bytes - free;
    if (missing <= 0) {
      head.model.heldBytes = bytes;
      return this.#close(head, () => head.granted.resolve());
    }
    const victims = chooseVictims(
      missing,
      candidates.filter((model) => model.isIdle),
    );
    if (victims === undefined) for (const model of candidates) model.drain(head.order);
    else {
      await Promise.all(victims.map((model) => model.evict()));
      this.#isChanged = true;
    }
  }

  #close(request: MemoryRequest, answer: () => void): void {
    this.#requests = this.#requests.filter((other) => other !== request);
    for (const model of this.models) model.drain(undefined);
    answer();
    this.#isChanged = true;
  }

  #noRoom({ model: { config }, need }: MemoryRequest): RivuletError {
    const reason = `it needs ${mebibytes(need.least)} MiB; models may hold ${mebibytes(this.#memoryBytes)} MiB together, and those that are kept warm stay`;
    return new RivuletError("model.load-failed", { pipeline: config.pipeline.name, model: config.model, reason });
  }
}

/** One turn of a job with its model. */
async function attempt(
  pooled: PooledModel,
  order: number,
  work: HostJob,
  signal: AbortSignal,
  onEvent: ((event: JobEvent) => void) | undefined,
  clock: Clock,
): Promise<{ readonly response: Record<string, unknown>; readonly timings: RunTimings }> {
  using turn = await pooled.acquire(order, signal, (event) => onEvent?.(event));
  onEvent?.({ kind: "started" });
  const startedAt = clock.monotonic();
  const response = await turn.host.run(work, { signal, onProgress: onEvent });
  const inferenceMs = clock.monotonic() - startedAt;
  return { response, timings: { queueMs: turn.queueMs, loadMs: turn.loadMs, inferenceMs } };
}

/** Whether `model` may be unloaded so that `other` can be loaded. */
function givesWay(model: PooledModel, other: PooledModel): boolean {
  return model.heldBytes > 0 && (!model.config.keepWarm || (other.config.keepWarm && other.waiting > 0));
}

function keyOf(pipeline: string, model: string): string {
  return `${pipeline} ${model}`;
}

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
