import {
  type Clock,
  type ErrorCode,
  type ErrorFacts,
  invariant,
  isOutOfMemory,
  type Milliseconds,
  minutes,
  RivuletError,
  type Startable,
  seconds,
} from "@rivulet/primitives";
import type { Progress } from "../implementation.ts";
import { FITS_WHEN } from "./fits-when.ts";
import type { FromHost, HostConnection, HostJob, HostLauncher, HostModel } from "./messages.ts";

/** How long a model may take to load: as long as the network's own workers wait. Source: runner-and-models 3.4. */
export const LOAD_TIMEOUT: Milliseconds = minutes(3);
/** How long a step may go on after its job was called off. Source: runner-and-models 9.5. */
const CANCEL_GRACE: Milliseconds = seconds(10);

export interface ModelHostOptions {
  readonly model: HostModel;
  readonly timeoutLoad?: Milliseconds;
  readonly cancelGrace?: Milliseconds;
  /** Hears how loading gets on. */
  readonly onLoading?: (progress: Progress) => void;
}

/** How a host ended: by itself, which is a crash, or by its owner's will. */
export interface HostEnd {
  readonly isCrash: boolean;
  /** What its job was told: "runner.crashed", or "runner.out-of-memory" when that is what it died of. */
  readonly error: RivuletError<"runner.crashed"> | RivuletError<"runner.out-of-memory">;
}

export interface ModelHostPorts {
  readonly launcher: HostLauncher;
  readonly clock: Clock;
}

export interface RunOptions {
  readonly signal: AbortSignal;
  /** Left out: the host does not tell, which saves sending every picture twice. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

interface RunningJob {
  readonly id: number;
  readonly onProgress: ((progress: Progress) => void) | undefined;
  readonly done: PromiseWithResolvers<Record<string, unknown>>;
}

/**
 * One model in memory, in a model host of its own, from its loading to the end of the host.
 *
 * `start` resolves when the model is loaded and throws `model.load-failed`. A host ends by `stop`, by itself (`ended`
 * tells), or because a job that was called off did not stop within the grace; a host that has ended stays ended, and
 * whoever wants the model again makes a new one.
 *
 * Owns a process.
 */
export class ModelHost implements Startable {
  readonly #options: ModelHostOptions;
  readonly #ports: ModelHostPorts;
  readonly #loaded = Promise.withResolvers<Readonly<Record<string, unknown>>>();
  readonly #ended = Promise.withResolvers<HostEnd>();
  readonly #stopped = new AbortController();
  #connection: HostConnection | undefined;
  #job: RunningJob | undefined;
  #jobs = 0;
  #peakBytes = 0;
  #example: Readonly<Record<string, unknown>> = {};
  #endReason: string | undefined;
  /** Why it is being ended, once it is. */
  #doom: string | undefined;

  constructor(options: ModelHostOptions, ports: ModelHostPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#loaded.promise.catch(() => {}); // `start` tells; the failure may come while nobody waits
  }

  /** The most memory the host has held, in bytes, as far as it told; 0 before the model is loaded. */
  get peakBytes(): number {
    return this.#peakBytes;
  }

  /** What the loaded model wants laid over its pipeline's example. */
  get example(): Readonly<Record<string, unknown>> {
    return this.#example;
  }

  /** Resolves when the host has ended, whoever ended it. Never rejects. */
  get ended(): Promise<HostEnd> {
    return this.#ended.promise;
  }

  get isAlive(): boolean {
    return this.#connection !== undefined && this.#endReason === undefined;
  }

  async start(): Promise<void> {
    invariant(this.#connection === undefined, "a model host starts once");
    if (this.#stopped.signal.aborted) throw this.#loadFailed("stopped");
    const connection = this.#launch();
    this.#connection = connection;
    connection.channel.onMessage((message) => this.#receive(message));
    connection.channel.onClose(() => connection.kill()); // nobody can tell it anything any more
    void connection.exited.then(({ reason }) => this.#end(reason));
    connection.channel.send({ kind: "load", model: this.#options.model });

    const limit = this.#options.timeoutLoad ?? LOAD_TIMEOUT;
    using _limit = this.#after(limit, () => {
      this.#loaded.reject(this.#loadFailed(`not loaded within ${limit} ms`));
    });
    try {
      this.#example = await this.#loaded.promise;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /**
   * Does one job; there is never more than one under way. Resolves or rejects when the host is free again or has ended:
   * a job whose signal aborts rejects with the signal's reason, but not before the model has let go of it.
   *
   * Throws what the implementation threw, `runner.failed` for what it did not mean to throw, `runner.crashed` when the
   * host ended, `runner.out-of-memory` when either was for want of memory.
   */
  async run(work: HostJob, { signal, onProgress }: RunOptions): Promise<Record<string, unknown>> {
    invariant(this.#job === undefined, "a model host has one job at a time");
    signal.throwIfAborted();
    const connection = this.#connection;
    if (connection === undefined || this.#endReason !== undefined) throw this.#crashed();
    const job: RunningJob = { id: this.#jobs++, onProgress, done: Promise.withResolvers() };
    this.#job = job;

    let grace: Disposable | undefined;
    const callOff = () => {
      connection.channel.send({ kind: "abort", job: job.id });
      grace = this.#after(this.#options.cancelGrace ?? CANCEL_GRACE, () => {
        this.#doom ??= "a job that was called off did not stop";
        connection.kill();
      });
    };
    signal.addEventListener("abort", callOff, { once: true });
    try {
      connection.channel.send({ kind: "run", job: job.id, work, isWatched: onProgress !== undefined });
      const response = await job.done.promise;
      signal.throwIfAborted(); // called off in its last step
      return response;
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      signal.removeEventListener("abort", callOff);
      grace?.[Symbol.dispose]();
      this.#job = undefined;
    }
  }

  /** Ends the host at once. A model keeps nothing that a farewell could save. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#doom ??= "stopped";
    if (this.#connection === undefined) return this.#end(this.#doom);
    this.#connection.kill();
    await this.#connection.exited;
  }

  #launch(): HostConnection {
    try {
      return this.#ports.launcher.launch();
    } catch (cause) {
      throw this.#loadFailed(cause instanceof Error ? cause.message : String(cause));
    }
  }

  #receive(message: FromHost): void {
    if (message.kind === "memory") this.#peakBytes = Math.max(this.#peakBytes, message.peakBytes);
    else if (message.kind === "loaded") this.#loaded.resolve(message.example);
    else if (message.kind === "progress" && message.job === undefined) this.#options.onLoading?.(message.progress);
    else if (message.kind === "error" && message.job === undefined) this.#loaded.reject(errorOf(message));
    else if ("job" in message && message.job === this.#job?.id) this.#receiveOf(this.#job, message);
  }

  #receiveOf(job: RunningJob, message: Exclude<FromHost, { kind: "memory" | "loaded" }>): void {
    if (message.kind === "progress") job.onProgress?.(message.progress);
    else if (message.kind === "result") job.done.resolve(message.response);
    else job.done.reject(errorOf(message));
  }

  #end(reason: string): void {
    if (this.#endReason !== undefined) return;
    this.#endReason = this.#doom ?? reason;
    this.#loaded.reject(this.#loadFailed(`the model process ended: ${this.#endReason}`));
    const error = this.#crashed();
    this.#job?.done.reject(error);
    this.#ended.resolve({ isCrash: this.#doom === undefined, error });
  }

  #crashed(): HostEnd["error"] {
    const reason = this.#endReason ?? "not started";
    if (!isOutOfMemory(reason)) return new RivuletError("runner.crashed", { reason });
    return new RivuletError("runner.out-of-memory", { reason: `${reason}; ${FITS_WHEN}` });
  }

  #loadFailed(reason: string): RivuletError {
    const { pipeline, model } = this.#options.model;
    return new RivuletError("model.load-failed", { pipeline, model, reason });
  }

  /** Calls `then` after `delay` unless disposed of, or the host stopped, before. */
  #after(delay: Milliseconds, then: () => void): Disposable {
    const cancelled = new AbortController();
    const signal = AbortSignal.any([cancelled.signal, this.#stopped.signal]);
    void this.#ports.clock.sleep(delay, signal).then(then, () => {});
    return { [Symbol.dispose]: () => cancelled.abort() };
  }
}

/** Rebuilds an error that crossed the line. Its facts were made for its code on the other side. */
function errorOf(message: { readonly code: ErrorCode; readonly facts: object }): RivuletError {
  return new RivuletError(message.code, message.facts as ErrorFacts<ErrorCode>);
}
