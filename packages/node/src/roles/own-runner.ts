import type { Executor, ModelOffer, Slot } from "@rivulet/orchestrator";
import { RunnerHttp } from "@rivulet/orchestrator";
import type { Pipeline } from "@rivulet/pipelines";
import { type Clock, type Logger, type ModelId, RivuletError, type Startable, seconds } from "@rivulet/primitives";
import { RunnerProcess, type RunnerSettings } from "@rivulet/runner";

export interface OwnRunnerPorts {
  readonly clock: Clock;
  readonly log: Logger;
}

/** Asking our own runner on loopback costs nothing, and a model that has become warm should be told at once. */
const HEALTH_INTERVAL = seconds(1);

/**
 * A runner of the node's own, as an executor: a process that is started, watched and restarted with the node, and its
 * HTTP surface. While it restarts it offers nothing.
 */
export class OwnRunner implements Executor, Startable {
  readonly #process: RunnerProcess;
  readonly #ports: OwnRunnerPorts;
  readonly #listeners = new Set<() => void>();
  #http: RunnerHttp | undefined;
  #isStopping = false;

  constructor(settings: RunnerSettings, ports: OwnRunnerPorts) {
    this.#ports = ports;
    this.#process = new RunnerProcess(settings, { ...ports, fetch });
  }

  /** Throws `node.cannot-start` with the last words of a runner that does not start. */
  async start(): Promise<void> {
    await this.#process.start();
    if (this.#isStopping) throw new RivuletError("node.stopping", {});
    const http = new RunnerHttp({ url: this.#process.url, models: [], healthInterval: HEALTH_INTERVAL }, this.#ports);
    this.#http = http;
    http.onOffersChanged(() => {
      for (const listener of this.#listeners) listener();
    });
    await http.start();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#http?.stop();
    await this.#process.stop();
  }

  offers(): readonly ModelOffer[] {
    return this.#http?.offers() ?? [];
  }

  hardware(): ReturnType<Executor["hardware"]> {
    return this.#http?.hardware() ?? [];
  }

  tryReserve(pipeline: Pipeline, model: ModelId): Slot | undefined {
    return this.#http?.tryReserve(pipeline, model);
  }

  onOffersChanged(listener: () => void): Disposable {
    const entry = () => listener();
    this.#listeners.add(entry);
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) };
  }
}
