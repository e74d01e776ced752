import type { Pipeline } from "@rivulet/pipelines";
import {
  type Clock,
  isError,
  Lease,
  type Logger,
  type Milliseconds,
  type ModelId,
  minutes,
  ms,
  RivuletError,
} from "@rivulet/primitives";
import type { HostLauncher } from "./host/messages.ts";
import { type HostEnd, LOAD_TIMEOUT, ModelHost } from "./host/model-host.ts";
import type { EngineOptions, Progress } from "./implementation.ts";
import { type MemoryNeed, MemoryRecord } from "./model-memory.ts";
import { Setbacks } from "./setbacks.ts";

/** A model the pool is to hold. */
export interface PoolModel {
  readonly pipeline: Pipeline;
  readonly model: ModelId;
  /** How many jobs run at once; each slot is a model host of its own with its own copy of the weights. */
  readonly slots: number;
  /** Whether it is loaded at start and kept, or only on demand. */
  readonly keepWarm: boolean;
  readonly threads: number;
  readonly engine?: EngineOptions;
  /** Where its files are and how many bytes they have. Asked at every load; throws when they are not there. */
  readonly locate: () => Promise<{ readonly directory: string; readonly bytes: number }>;
}

export interface PooledModelOptions {
  /** Jobs that may wait for one model; one more is refused with `capacity.exhausted`. */
  readonly queueLimit: number;
  readonly timeoutLoad?: Milliseconds;
  readonly cancelGrace?: Milliseconds;
  /** How long a model that is not kept warm stays in memory unused. */
  readonly idleUnload: Milliseconds;
}

export interface PooledModelPorts {
  readonly launcher: HostLauncher;
  readonly clock: Clock;
  readonly log: Logger;
  /** Says whether a model that loaded also works: one real inference. Throws `model.load-failed` when it does not. */
  readonly verify: (model: PoolModel, host: ModelHost, signal: AbortSignal) => Promise<void>;
  readonly observer: PoolObserver;
}

/** Hears what happens to models; the metrics are one. */
export interface PoolObserver {
  loaded(model: PoolModel, took: Milliseconds): void;
  loadFailed(model: PoolModel): void;
  evicted(model: PoolModel): void;
  crashed(model: PoolModel): void;
}

/** Who grants memory: models of one machine share it. */
export interface MemoryArbiter {
  /** Resolves when the model has its memory. Throws `model.load-failed` when it never may, or the signal's reason. */
  reserve(model: PooledModel, need: MemoryNeed, signal: AbortSignal): Promise<void>;
  /** Something became idle or gave memory back. */
  changed(): void;
}

/** `cold`: not in memory; `failed`: not in memory because of an error, and not tried again for a while. */
export type ModelState = "cold" | "loading" | "ready" | "failed";

/** A model host for the length of one job. Disposing of it lets the next job in. */
export interface Turn extends Disposable {
  readonly host: ModelHost;
  readonly queueMs: number;
  readonly loadMs: number;
}

/** What a job hears while it waits: its place in the queue, 1 being next, and how the model it waits for is loading. */
export type WaitEvent = { readonly kind: "queued"; readonly position: number } | Extract<Progress, { kind: "loading" }>;

interface Waiter {
  readonly order: number;
  readonly since: Milliseconds;
  readonly onEvent: (event: WaitEvent) => void;
  readonly turn: PromiseWithResolvers<Turn>;
}

/** A model that was in memory this long was well: when it crashes then, it is the first time again. */
const WELL_AFTER = minutes(1);

/**
 * One model through its life in the pool: its hosts, the jobs that wait for them, and why it is not ready when it is not.
 *
 * A model is ready when every host of it has loaded and done one verified inference. A host that dies is replaced as long
 * as the model is kept warm or somebody waits for it. Failures in a row are answered with growing pauses, in which jobs
 * are refused at once with the reason.
 *
 * Owns processes and timers; `stop` ends them.
 */
export class PooledModel {
  readonly config: PoolModel;
  readonly #options: PooledModelOptions;
  readonly #ports: PooledModelPorts;
  readonly #arbiter: MemoryArbiter;
  readonly #log: Logger;
  readonly #stopped = new AbortController();

  readonly #idle: ModelHost[] = [];
  readonly #busy = new Set<ModelHost>();
  #waiting: Waiter[] = [];
  #loading: { readonly task: Promise<void>; readonly cancelled: AbortController; progress?: Progress } | undefined;
  /** The last load: jobs that waited for it count that part of their waiting as loading. */
  #load = { startedAt: ms(0), endedAt: ms(0) };
  readonly #setbacks: Setbacks;
  readonly #memory = new MemoryRecord();
  #usedAt: Milliseconds = ms(0);
  #idleTimer: AbortController | undefined;
  #evicting: Promise<void> | undefined;
  /** Jobs ordered at or after this one wait for another load: the memory is promised to someone else. */
  #drainBefore = Number.POSITIVE_INFINITY;

  /** Memory that is this model's, in bytes; set by the arbiter, corrected when measured. */
  heldBytes = 0;

  constructor(config: PoolModel, options: PooledModelOptions, ports: PooledModelPorts, arbiter: MemoryArbiter) {
    this.config = config;
    this.#options = options;
    this.#ports = ports;
    this.#arbiter = arbiter;
    this.#setbacks = new Setbacks(ports.clock);
    this.#log = ports.log.child({ pipeline: config.pipeline.name, model: config.model });
  }

  get state(): ModelState {
    if (this.#hosts > 0) return "ready";
    if (this.#loading !== undefined) return "loading";
    return this.#setbacks.isPausing ? "failed" : "cold";
  }

  /** Why the model failed last, until it works again. */
  get failure(): RivuletError | undefined {
    return this.#setbacks.error;
  }

  get progress(): Progress | undefined {
    return this.#loading?.progress;
  }

  get running(): number {
    return this.#busy.size;
  }

  /** Jobs that would find a slot now. One that could not be loaded counts again when it is to be tried again. */
  get free(): number {
    const slots = this.#setbacks.isPausing ? this.#hosts : this.config.slots;
    return Math.max(0, slots - this.running - this.waiting);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get reloadMs(): number {
    return this.#load.endedAt - this.#load.startedAt;
  }

  get idleMs(): number {
    return this.#now() - this.#usedAt;
  }

  /** Whether the model is in memory and nobody uses it, or may use it before the memory's next owner does. */
  get isIdle(): boolean {
    const next = this.#waiting[0];
    return (
      this.heldBytes > 0 &&
      this.#loading === undefined &&
      this.#busy.size === 0 &&
      (next === undefined || next.order >= this.#drainBefore)
    );
  }

  /**
   * Waits for a host of this model, loading it when it is not in memory. `order` grows from job to job.
   *
   * Throws `capacity.exhausted` when too many wait, `model.load-failed` (or what locating it threw) when it cannot be
   * loaded, and the signal's reason when that aborts first.
   */
  async acquire(order: number, signal: AbortSignal, onEvent: (event: WaitEvent) => void): Promise<Turn> {
    signal.throwIfAborted();
    if (this.#stopped.signal.aborted) throw new RivuletError("node.stopping", {});
    if (this.state === "failed" && this.failure !== undefined) throw this.failure;
    if (this.#waiting.length >= this.#options.queueLimit)
      throw new RivuletError("capacity.exhausted", {
        pipeline: this.config.pipeline.name,
        model: this.config.model,
      });

    const waiter: Waiter = { order, since: this.#now(), onEvent, turn: Promise.withResolvers() };
    const leave = () => {
      this.#leave(waiter);
      waiter.turn.reject(signal.reason);
    };
    signal.addEventListener("abort", leave, { once: true });
    this.#idleTimer?.abort();
    this.#waiting.push(waiter);
    this.#dispatch();
    if (this.#waiting.includes(waiter)) waiter.onEvent({ kind: "queued", position: this.#waiting.length });
    try {
      return await waiter.turn.promise;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  /** Loads whatever of the model is not in memory. One load at a time, however many ask; resolves when it has ended. */
  async bringUp(): Promise<void> {
    if (this.#loading !== undefined) return this.#loading.task;
    if (this.#stopped.signal.aborted) return;
    const cancelled = new AbortController();
    this.#loading = { cancelled, task: Promise.resolve() };
    const task = this.#bringUp(cancelled.signal).finally(() => {
      this.#loading = undefined;
      this.#dispatch();
      this.#settle();
    });
    this.#loading = { cancelled, task };
    return task;
  }

  /** Lets only jobs before `order` in; `undefined` lets everybody in again. */
  drain(order: number | undefined): void {
    const before = order ?? Number.POSITIVE_INFINITY;
    if (before === this.#drainBefore) return;
    this.#drainBefore = before;
    this.#dispatch();
  }

  /** Notes that what was measured is not enough. */
  outgrow(): void {
    this.#memory.outgrow();
    this.#holdWhatIsKnown();
  }

  /** Ends the hosts of an idle model. Its memory is free when this resolves. */
  evict(): Promise<void> {
    this.#evicting ??= this.#evict();
    return this.#evicting;
  }

  async #evict(): Promise<void> {
    this.#idleTimer?.abort();
    await Promise.all(this.#idle.splice(0).map((host) => host.stop()));
    this.#evicting = undefined;
    this.heldBytes = 0;
    this.#drainBefore = Number.POSITIVE_INFINITY;
    this.#ports.observer.evicted(this.config);
    this.#log.info("model unloaded");
    this.#dispatch();
  }

  async stop(): Promise<void> {
    const reason = new RivuletError("node.stopping", {});
    this.#stopped.abort(reason);
    this.#idleTimer?.abort();
    this.#loading?.cancelled.abort(reason);
    for (const waiter of this.#waiting.splice(0)) waiter.turn.reject(reason);
    await this.#loading?.task;
    await Promise.all([...this.#idle.splice(0), ...this.#busy].map((host) => host.stop()));
    await this.#evicting;
  }

  get #hosts(): number {
    return this.#idle.length + this.#busy.size;
  }

  #now(): Milliseconds {
    return this.#ports.clock.monotonic();
  }

  /** Gives free hosts to waiting jobs, and sees to it that there will be hosts if jobs still wait. */
  #dispatch(): void {
    let moved = false;
    for (;;) {
      const next = this.#waiting[0];
      const host = this.#idle[0];
      if (next === undefined || host === undefined || next.order >= this.#drainBefore) break;
      this.#waiting.shift();
      this.#idle.shift();
      this.#busy.add(host);
      moved = true;
      next.turn.resolve(this.#turnOf(next, host));
    }
    if (moved) this.#tellPositions();
    const next = this.#waiting[0];
    const isWanted = next !== undefined && next.order < this.#drainBefore && !this.#setbacks.isPausing;
    if (isWanted && this.#hosts < this.config.slots) void this.bringUp();
  }

  #tellPositions(): void {
    for (const [index, waiter] of this.#waiting.entries()) waiter.onEvent({ kind: "queued", position: index + 1 });
  }

  #turnOf(waiter: Waiter, host: ModelHost): Turn {
    const now = this.#now();
    const loadMs = Math.max(0, this.#load.endedAt - Math.max(this.#load.startedAt, waiter.since));
    const lease = new Lease(() => {
      this.#usedAt = this.#now();
      this.#measure(host);
      this.#busy.delete(host);
      if (host.isAlive && !this.#stopped.signal.aborted) {
        this.#setbacks.recover("run");
        this.#idle.push(host);
      }
      this.#dispatch();
      this.#settle();
    });
    return {
      host,
      loadMs,
      queueMs: Math.max(0, now - waiter.since - loadMs),
      [Symbol.dispose]: () => lease.release(),
    };
  }

  #leave(waiter: Waiter): void {
    this.#waiting = this.#waiting.filter((other) => other !== waiter);
    this.#tellPositions();
    // Nobody waits any more for a model that only waits for memory: the next in line may have it.
    if (this.#waiting.length === 0 && this.heldBytes === 0 && !this.config.keepWarm)
      this.#loading?.cancelled.abort(new RivuletError("request.cancelled", {}));
    this.#settle();
  }

  async #bringUp(signal: AbortSignal): Promise<void> {
    try {
      await this.#evicting; // its memory is still to be given back, and is asked for anew
      const { directory, bytes } = await this.config.locate();
      this.#memory.estimate(bytes);
      if (this.heldBytes === 0) await this.#arbiter.reserve(this, this.#memory.needOf(this.config.slots), signal);
      signal.throwIfAborted();
      await this.#loadMissing(directory, signal);
    } catch (error) {
      if (!signal.aborted) this.#fail("load", this.#told(error));
    } finally {
      if (this.#hosts === 0) this.heldBytes = 0;
    }
  }

  async #loadMissing(directory: string, signal: AbortSignal): Promise<void> {
    const startedAt = this.#now();
    const missing = this.config.slots - this.#hosts;
    const loads = Array.from({ length: missing }, () => this.#loadOne(directory, signal));
    const settled = await Promise.allSettled(loads);
    const endedAt = this.#now();
    this.#load = { startedAt, endedAt };
    const failed = settled.find((load) => load.status === "rejected");
    const hosts = settled.flatMap((load) => (load.status === "fulfilled" ? [load.value] : []));
    for (const host of hosts) this.#admit(host);
    if (failed !== undefined) throw failed.reason;
    this.#setbacks.recover("load");
    this.#ports.observer.loaded(this.config, ms(endedAt - startedAt));
    this.#log.info("model ready", { tookMs: Math.round(endedAt - startedAt), bytes: this.heldBytes });
  }

  async #loadOne(directory: string, signal: AbortSignal): Promise<ModelHost> {
    const { pipeline, model, threads, engine } = this.config;
    const host = new ModelHost(
      {
        model: { pipeline: pipeline.name, model, directory, threads, ...(engine === undefined ? {} : { engine }) },
        ...(this.#options.timeoutLoad === undefined ? {} : { timeoutLoad: this.#options.timeoutLoad }),
        ...(this.#options.cancelGrace === undefined ? {} : { cancelGrace: this.#options.cancelGrace }),
        onLoading: (progress) => {
          if (this.#loading !== undefined) this.#loading.progress = progress;
          if (progress.kind === "loading") for (const waiter of this.#waiting) waiter.onEvent(progress);
        },
      },
      this.#ports,
    );
    const abort = () => void host.stop();
    signal.addEventListener("abort", abort, { once: true });
    try {
      await host.start();
      await this.#verify(host);
      return host;
    } catch (error) {
      await host.stop();
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** A model that does not finish its first picture in the time it has for loading is not ready either. */
  async #verify(host: ModelHost): Promise<void> {
    const limit = this.#options.timeoutLoad ?? LOAD_TIMEOUT;
    const late = new AbortController();
    const done = new AbortController();
    const { pipeline, model } = this.config;
    void this.#ports.clock.sleep(limit, done.signal).then(
      () =>
        late.abort(
          new RivuletError("model.load-failed", {
            pipeline: pipeline.name,
            model,
            reason: `no result within ${limit} ms`,
          }),
        ),
      () => {},
    );
    try {
      await this.#ports.verify(this.config, host, late.signal);
    } finally {
      done.abort();
    }
  }

  #admit(host: ModelHost): void {
    this.#measure(host);
    this.#usedAt = this.#now();
    this.#idle.push(host);
    void host.ended.then((end) => this.#lost(host, end));
  }

  #measure(host: ModelHost): void {
    if (this.#memory.measure(host.peakBytes)) this.#holdWhatIsKnown();
  }

  #holdWhatIsKnown(): void {
    if (this.heldBytes > 0) this.heldBytes = this.#memory.bytes * this.config.slots;
  }

  /** A host ended. One that a job had to be taken from by force is replaced; any other crashed. */
  #lost(host: ModelHost, { isCrash, error }: HostEnd): void {
    const index = this.#idle.indexOf(host);
    if (index >= 0) this.#idle.splice(index, 1);
    else if (!this.#busy.delete(host)) return;
    if (this.#stopped.signal.aborted) return;
    if (this.#hosts === 0 && this.#loading === undefined) this.heldBytes = 0;
    if (isCrash) {
      this.#ports.observer.crashed(this.config);
      this.#log.error("model process ended", { reason: error.facts.reason });
      if (this.#now() - this.#load.endedAt >= WELL_AFTER) this.#setbacks.forget();
      this.#fail("run", error);
    } else {
      this.#log.warn("model process ended", { reason: error.facts.reason });
      this.#bringUpIfWanted();
      this.#arbiter.changed();
    }
  }

  /** Remembers a failure and tries again after a pause, at once after a first crash, if anybody wants the model. */
  #fail(kind: "load" | "run", error: RivuletError): void {
    const pause = this.#setbacks.note(kind, error);
    if (kind === "load") {
      this.#ports.observer.loadFailed(this.config);
      this.#log.error("model not loaded", { reason: error.message, retryInMs: pause });
    }
    if (pause > 0 && this.#hosts === 0) for (const waiter of this.#waiting.splice(0)) waiter.turn.reject(error);
    void this.#ports.clock.sleep(pause, this.#stopped.signal).then(
      () => this.#bringUpIfWanted(),
      () => {},
    );
    this.#arbiter.changed();
  }

  #bringUpIfWanted(): void {
    if (this.config.keepWarm || this.#waiting.length > 0) void this.bringUp();
  }

  #told(error: unknown): RivuletError {
    if (isError(error)) return error;
    const { pipeline, model } = this.config;
    const reason = error instanceof Error ? error.message : String(error);
    return new RivuletError("model.load-failed", { pipeline: pipeline.name, model, reason }, { cause: error });
  }

  /** After any change: tells the arbiter when the model is idle, and forgets an unused model after a while. */
  #settle(): void {
    this.#arbiter.changed();
    this.#idleTimer?.abort();
    if (!this.isIdle || this.config.keepWarm || this.#stopped.signal.aborted) return;
    const timer = new AbortController();
    this.#idleTimer = timer;
    void this.#ports.clock.sleep(this.#options.idleUnload, timer.signal).then(
      () => (this.isIdle ? this.evict().then(() => this.#arbiter.changed()) : undefined),
      () => {},
    );
  }
}
