import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import {
  type Clock,
  clockDeadline,
  isError,
  type Logger,
  linked,
  type Milliseconds,
  orAborted,
  type Randomness,
  RivuletError,
  randomId,
  type Startable,
  seconds,
} from "@rivulet/primitives";
import { AIWorkerService, RIVULET_HEADER, registrationMessage, type WorkerJob, workerJobOf } from "@rivulet/wire";
import { Agent } from "undici";
import { capabilitiesOfOffers } from "../advertise.ts";
import type { Executor } from "../executor.ts";
import { MAX_MESSAGE_BYTES, REMOTE_JOB_LIMIT, WORKER_DRAIN_LIMIT } from "../limits.ts";
import { RUNNING_TASKS_HEADER, WORKER_ID_HEADER } from "../workers/worker-headers.ts";
import { Backoff } from "./backoff.ts";
import { ResultPoster } from "./result-poster.ts";
import { doWorkerJob, type WorkerJobPorts } from "./worker-job.ts";

export interface WorkerOptions {
  /** The orchestrator: `https://host:port`, or `http://` for one without TLS. */
  readonly orchestrator: string;
  readonly secret: string;
  readonly jobLimit?: Milliseconds;
  /** How long `stop` lets jobs finish. */
  readonly drainLimit?: Milliseconds;
}

export interface WorkerPorts {
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly log: Logger;
  readonly executor: Executor;
}

/** A stream that lived this long was a good one: the next attempt comes soon again. */
const GOOD_CONNECTION = seconds(10);
/** How a silent orchestrator is told from one that has no work: it is asked for a sign of life. */
const PING_INTERVAL = seconds(20);
const PING_TIMEOUT = seconds(10);
/** How long last results may take on their way. */
const FAREWELL = seconds(2);

interface RunningJob {
  readonly job: WorkerJob;
  /** Stops the work; why is still posted. */
  readonly work: AbortController;
  /** Stops the work, and nothing is posted any more. */
  readonly posting: AbortController;
  readonly done: Promise<void>;
}

/**
 * Does jobs for an orchestrator that it connects out to, so it needs no address of its own.
 *
 * `start` returns at once and connects in the background, for ever, until the orchestrator refuses the secret (`gaveUp`).
 * When its models change it registers anew and keeps its jobs. `stop` offers nothing any more, finishes what it has within
 * the limit, calls off the rest, and leaves. The executor is the caller's.
 */
export class Worker implements Startable {
  readonly #options: WorkerOptions;
  readonly #ports: WorkerPorts;
  readonly #id: string;
  readonly #agent = new Agent({ connect: { rejectUnauthorized: false }, headersTimeout: 0, bodyTimeout: 0 });
  readonly #jobPorts: Omit<WorkerJobPorts, "isOurs">;
  readonly #running = new Map<bigint, RunningJob>();
  readonly #stopped = new AbortController();
  /** Aborted to say that what was registered is no longer true. */
  #registered = new AbortController();
  readonly #posting = new AbortController();
  readonly #gaveUp = Promise.withResolvers<RivuletError>();
  #isDraining = false;
  #life: Promise<void> = Promise.resolve();

  constructor(options: WorkerOptions, ports: WorkerPorts) {
    this.#options = { ...options, orchestrator: options.orchestrator.replace(/\/+$/, "") };
    this.#ports = ports;
    this.#id = randomId(ports.randomness);
    const poster = new ResultPoster(this.#options, { dispatcher: this.#agent, randomness: ports.randomness });
    this.#jobPorts = { ...ports, dispatcher: this.#agent, poster };
  }

  /** Resolves, if ever, with why the worker stopped trying to attach. */
  get gaveUp(): Promise<RivuletError> {
    return this.#gaveUp.promise;
  }

  /** Jobs it has now. */
  get jobs(): number {
    return this.#running.size;
  }

  async start(): Promise<void> {
    this.#life = this.#live();
  }

  async stop(): Promise<void> {
    const { clock, log } = this.#ports;
    if (this.#stopped.signal.aborted) return await this.#life;
    this.#isDraining = true;
    if (this.#running.size > 0) {
      log.info("waiting for jobs", { jobs: this.#running.size });
      this.#registered.abort();
      using limit = clockDeadline(clock, this.#options.drainLimit ?? WORKER_DRAIN_LIMIT);
      await orAborted(this.#allDone(), limit).catch(() => {});
      for (const { work } of this.#running.values()) work.abort(new RivuletError("node.stopping", {}));
      using farewell = clockDeadline(clock, FAREWELL);
      await orAborted(this.#allDone(), farewell).catch(() => this.#posting.abort());
      await this.#allDone();
    }
    this.#stopped.abort();
    await this.#life;
    await this.#agent.destroy();
  }

  async #allDone(): Promise<void> {
    while (this.#running.size > 0) await Promise.all([...this.#running.values()].map(({ done }) => done));
  }

  async #live(): Promise<void> {
    const { executor, clock, randomness, log } = this.#ports;
    const { signal } = this.#stopped;
    const backoff = new Backoff(randomness);
    using _changes = executor.onOffersChanged(() => this.#registered.abort());
    while (!signal.aborted) {
      this.#registered = new AbortController();
      if (executor.offers().length === 0 && !this.#isDraining) {
        await orAborted(new Promise(() => {}), AbortSignal.any([this.#registered.signal, signal])).catch(() => {});
        continue;
      }
      const began = clock.monotonic();
      const refusal = await this.#attach();
      if (refusal !== undefined) {
        log.error("orchestrator refuses this worker", { reason: refusal.code });
        this.#gaveUp.resolve(refusal);
        return;
      }
      // Something changed: tell it at once.
      if (this.#registered.signal.aborted) continue;
      if (clock.monotonic() - began >= GOOD_CONNECTION) backoff.reset();
      const wait = backoff.next();
      log.info("attaching again", { orchestrator: this.#options.orchestrator, inMs: Math.round(wait) });
      await clock.sleep(wait, AbortSignal.any([signal, this.#registered.signal])).catch(() => {});
    }
  }

  /** One stream from its registration to its end. Resolves with an error when there is no use in trying again. */
  async #attach(): Promise<RivuletError | undefined> {
    const { executor, log } = this.#ports;
    const { orchestrator, secret } = this.#options;
    const offers = this.#isDraining ? [] : executor.offers();
    const session = new Http2SessionManager(
      orchestrator,
      // Not while idle: the library would go on asking a connection that has ended, and that ends the process.
      { pingIntervalMs: PING_INTERVAL, pingTimeoutMs: PING_TIMEOUT },
      { rejectUnauthorized: false },
    );
    const transport = createGrpcTransport({
      baseUrl: orchestrator,
      sessionManager: session,
      readMaxBytes: MAX_MESSAGE_BYTES,
    });
    using ended = linked(this.#stopped.signal, this.#registered.signal);
    const registration = registrationMessage({
      secret,
      capabilities: capabilitiesOfOffers(offers, "slots"),
      hardware: executor.hardware(),
    });
    log.info("attaching", { orchestrator, models: offers.length });
    let isOurs = false;
    try {
      const jobs = createClient(AIWorkerService, transport).registerAIWorker(registration, {
        signal: ended.signal,
        headers: { [WORKER_ID_HEADER]: this.#id, [RUNNING_TASKS_HEADER]: [...this.#running.keys()].join(",") },
        onHeader: (headers) => {
          isOurs = headers.has(RIVULET_HEADER);
        },
      });
      for await (const message of jobs) this.#take(workerJobOf(message), isOurs);
      return undefined;
    } catch (error) {
      const { code, rawMessage } = ConnectError.from(error);
      if (code === Code.Unknown && rawMessage === "invalid secret")
        return new RivuletError("worker.secret-rejected", {});
      if (code === Code.Unknown && rawMessage === "zero capacity")
        return new RivuletError("worker.none-available", { reason: "zero capacity" });
      if (!ended.signal.aborted) log.warn("orchestrator lost", { orchestrator, reason: rawMessage });
      return undefined;
    } finally {
      session.abort();
    }
  }

  #take(job: WorkerJob, isOurs: boolean): void {
    const same = this.#running.get(job.taskId);
    if (same !== undefined) {
      // Told again, because the orchestrator was not sure that we have it.
      if (same.job.pipeline === job.pipeline && Buffer.compare(same.job.requestData, job.requestData) === 0) return;
      // An orchestrator that has started anew counts from 0 again: nobody waits for the old one.
      same.posting.abort(new RivuletError("request.cancelled", {}));
    }
    const posting = linked(this.#posting.signal);
    const work = linked(posting.signal);
    const done = this.#do(job, isOurs, work, posting.signal).then((wasAnswered) => {
      work[Symbol.dispose]();
      posting[Symbol.dispose]();
      if (this.#running.get(job.taskId)?.job === job) this.#running.delete(job.taskId);
      // Registered anew, without this job, we are told of it again if it is still waited for.
      if (!wasAnswered && !posting.signal.aborted) this.#registered.abort();
    });
    this.#running.set(job.taskId, { job, work, posting, done });
  }

  /** Resolves with whether the orchestrator said anything to what was posted. */
  async #do(job: WorkerJob, isOurs: boolean, work: AbortController, posting: AbortSignal): Promise<boolean> {
    const { clock, log } = this.#ports;
    using limit = clockDeadline(clock, this.#options.jobLimit ?? REMOTE_JOB_LIMIT, work.signal);
    try {
      await doWorkerJob(job, { ...this.#jobPorts, isOurs }, limit, posting);
      return true;
    } catch (error) {
      const reason = error instanceof Error ? error.message : "unknown";
      log.warn("result not delivered", { task: job.taskId, pipeline: job.pipeline, reason });
      return isError(error);
    } finally {
      // Events that nobody came to read end here.
      work.abort(new RivuletError("request.cancelled", {}));
    }
  }
}
