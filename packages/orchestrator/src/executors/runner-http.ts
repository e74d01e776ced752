import type { Pipeline } from "@rivulet/pipelines";
import {
  type Clock,
  deadline,
  type Logger,
  type Milliseconds,
  type ModelId,
  type Startable,
  seconds,
} from "@rivulet/primitives";
import type { Hardware } from "@rivulet/wire";
import { Capacity } from "../capacity.ts";
import type { Executor, ModelOffer, Slot } from "../executor.ts";
import { Listeners } from "../listeners.ts";
import { LanguageClient, type ServedModel } from "./language-client.ts";
import { OllamaDialect } from "./ollama-dialect.ts";
import { openAiDialect } from "./openai-dialect.ts";
import { type RunnerAddress, RunnerClient, type RunnerConnection } from "./runner-client.ts";

/** What a runner behind a URL speaks: the network's own interface, or that of a server of language models. */
export type RunnerInterface = "runner" | "openai" | "ollama";

export interface RunnerHttpOptions extends RunnerAddress {
  /** What is offered of a runner that does not list its models itself, as plain ai-runners do not, or of a server. */
  readonly models: readonly ServedModel[];
  /** Runners of the network unless said otherwise. */
  readonly speaks?: RunnerInterface;
  readonly healthInterval?: Milliseconds;
  readonly healthTimeout?: Milliseconds;
}

export interface RunnerHttpPorts {
  readonly clock: Clock;
  readonly log: Logger;
}

/** Source: runner-and-models 3.6. */
const HEALTH_INTERVAL = seconds(5);
const HEALTH_TIMEOUT = seconds(5);
const FAILURES_UNTIL_GONE = 2;

/**
 * A runner behind its HTTP surface: our own, which lists its models, any ai-runner with a configured list, or a server of
 * language models.
 *
 * `start` asks once and does not fail when nobody answers: a runner may come later. It is asked again on an interval;
 * two failures in a row take its models out of the offer, one success brings them back. While it works, only a refused
 * connection counts as failure, because runners of the network do not answer while they infer.
 */
export class RunnerHttp implements Executor, Startable {
  readonly #options: Required<Pick<RunnerHttpOptions, "healthInterval" | "healthTimeout">> & RunnerHttpOptions;
  readonly #ports: RunnerHttpPorts;
  readonly #client: RunnerConnection;
  readonly #capacity = new Capacity();
  readonly #listeners = new Listeners();
  readonly #stopped = new AbortController();
  #models: readonly ServedModel[] = [];
  #version = "";
  #hardware: readonly Hardware[] = [];
  #failures = FAILURES_UNTIL_GONE;
  /** What was last said to be wrong; nothing while all is well. */
  #trouble = "";
  #watching: Promise<void> = Promise.resolve();

  constructor(options: RunnerHttpOptions, ports: RunnerHttpPorts) {
    this.#options = { healthInterval: HEALTH_INTERVAL, healthTimeout: HEALTH_TIMEOUT, ...options };
    this.#ports = ports;
    this.#client = connections[options.speaks ?? "runner"](options, ports);
  }

  async start(): Promise<void> {
    await this.refresh();
    this.#watching = this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#watching;
    await this.#client.close();
  }

  offers(): readonly ModelOffer[] {
    return this.#models.map(({ pipeline, model, isWarm, slots }) => ({
      pipeline,
      model,
      isWarm,
      slots,
      free: this.#capacity.free({ pipeline, model }),
      runnerVersion: this.#version,
    }));
  }

  hardware(): readonly Hardware[] {
    return this.#hardware;
  }

  tryReserve(pipeline: Pipeline, model: ModelId): Slot | undefined {
    const lease = this.#capacity.tryAcquire({ pipeline, model });
    if (lease === undefined) return undefined;
    return {
      run: (job, { signal }) => this.#client.run(job, signal),
      [Symbol.dispose]: () => lease.release(),
    };
  }

  onOffersChanged(listener: () => void): Disposable {
    return this.#listeners.add(listener);
  }

  /** Asks the runner how it is, now. */
  async refresh(): Promise<void> {
    using limit = deadline(this.#options.healthTimeout, this.#stopped.signal);
    try {
      const health = await this.#client.health(limit);
      if (!health.isUsable) return this.#failed("not ready");
      if (this.#failures >= FAILURES_UNTIL_GONE) await this.#introduce(limit);
      this.#failures = 0;
      this.#trouble = "";
      this.#offer(health.models ?? this.#options.models);
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      const isBusy = this.#capacity.used > 0 && limit.aborted;
      if (!isBusy) this.#failed(error instanceof Error ? error.message : "no answer");
    }
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.#ports.clock.sleep(this.#options.healthInterval, signal).catch(() => {});
      if (!signal.aborted) await this.refresh();
    }
  }

  async #introduce(signal: AbortSignal): Promise<void> {
    const [version, hardware] = await Promise.allSettled([this.#client.version(signal), this.#client.hardware(signal)]);
    this.#version = version.status === "fulfilled" ? version.value : "0.0.0";
    this.#hardware = hardware.status === "fulfilled" ? [hardware.value] : [];
    this.#ports.log.info("runner answers", { url: this.#options.url, version: this.#version });
  }

  #failed(reason: string): void {
    this.#failures += 1;
    if (this.#failures < FAILURES_UNTIL_GONE || reason === this.#trouble) return;
    this.#trouble = reason;
    this.#ports.log.warn("runner is of no use", { url: this.#options.url, reason });
    this.#offer([]);
  }

  #offer(models: readonly ServedModel[]): void {
    const hasChanged = shapeOf(models) !== shapeOf(this.#models);
    this.#models = models;
    this.#capacity.set(models);
    if (hasChanged) this.#listeners.notify();
  }
}

const connections: {
  readonly [I in RunnerInterface]: (options: RunnerHttpOptions, ports: RunnerHttpPorts) => RunnerConnection;
} = {
  runner: (options) => new RunnerClient(options),
  openai: (options, ports) => new LanguageClient(options, openAiDialect, ports),
  ollama: (options, ports) => new LanguageClient(options, new OllamaDialect(ports), ports),
};

function shapeOf(models: readonly ServedModel[]): string {
  return models
    .map(({ pipeline, model, isWarm, slots }) => `${pipeline.name} ${model} ${isWarm} ${slots}`)
    .sort()
    .join("\n");
}
