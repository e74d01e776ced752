import type { Pipeline } from "@rivulet/pipelines";
import {
  type Clock,
  type Lease,
  type Logger,
  type Milliseconds,
  type ModelId,
  type Randomness,
  RivuletError,
  randomId,
  seconds,
} from "@rivulet/primitives";
import type { Hardware } from "@rivulet/wire";
import type { ModelOffer } from "../executor.ts";
import { MAX_WORKERS } from "../limits.ts";
import { Listeners } from "../listeners.ts";
import { AttachedWorker, type Connection, type Registration } from "./attached-worker.ts";

export interface WorkerRegistryPorts {
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly log: Logger;
}

/** A slot at a worker, taken. */
export interface Seat {
  readonly worker: AttachedWorker;
  readonly lease: Lease;
}

/** One of ours whose models have changed leaves to register them, and is back within a few milliseconds. */
const REGISTERS_ANEW = seconds(1);

/** The workers of an orchestrator. What they offer together is derived from what they registered and from leases. */
export class WorkerRegistry {
  readonly #grace: Milliseconds;
  readonly #ports: WorkerRegistryPorts;
  readonly #listeners = new Listeners();
  readonly #stopped = new AbortController();
  readonly #workers = new Map<string, AttachedWorker>();

  constructor(options: { readonly grace: Milliseconds }, ports: WorkerRegistryPorts) {
    this.#grace = options.grace;
    this.#ports = ports;
  }

  get size(): number {
    return this.#workers.size;
  }

  offers(): readonly ModelOffer[] {
    return [...this.#workers.values()].flatMap((worker) => worker.offers);
  }

  hardware(): readonly Hardware[] {
    return [...this.#workers.values()].flatMap((worker) => worker.hardware);
  }

  onOffersChanged(listener: () => void): Disposable {
    return this.#listeners.add(listener);
  }

  /**
   * Attaches a worker. `id` is what our own workers call themselves, so that one that comes back keeps its jobs; others
   * get a new one each time. The caller sends the connection's notifications and disconnects it at the end.
   */
  connect(id: string | undefined, registration: Registration): { worker: AttachedWorker; connection: Connection } {
    const known = id === undefined ? undefined : this.#workers.get(id);
    if (known === undefined && this.#workers.size >= MAX_WORKERS)
      throw new RivuletError("worker.none-available", { reason: "too many workers are attached" });
    const worker = known ?? new AttachedWorker(id ?? randomId(this.#ports.randomness), id !== undefined);
    this.#workers.set(worker.id, worker);
    const connection = worker.connect(registration);
    this.#ports.log.info("worker attached", { worker: worker.id, models: registration.offers.length });
    this.#listeners.notify();
    return { worker, connection };
  }

  /** Ends a connection. Unless the worker comes back within its time it departs, and its jobs are lost. */
  async disconnect(worker: AttachedWorker, connection: Connection): Promise<void> {
    if (!worker.disconnect(connection)) return;
    this.#ports.log.info("worker detached", { worker: worker.id, jobs: worker.capacity.used });
    this.#listeners.notify();
    const grace = worker.capacity.used > 0 ? this.#grace : worker.isNamed ? REGISTERS_ANEW : undefined;
    if (grace !== undefined) await this.#ports.clock.sleep(grace, this.#stopped.signal).catch(() => {});
    if (!worker.isAwaySince(connection) || this.#workers.get(worker.id) !== worker) return;
    this.#workers.delete(worker.id);
    this.#listeners.notify();
    worker.departed.abort(new RivuletError("worker.lost", {}));
  }

  /** The best free slot: warm before cold, then where most is free, then who came first. */
  tryReserve(pipeline: Pipeline, model: ModelId): Seat | undefined {
    let best: { readonly worker: AttachedWorker; readonly offer: ModelOffer } | undefined;
    for (const worker of this.#workers.values())
      for (const offer of worker.offers)
        if (offer.pipeline === pipeline && offer.model === model && offer.free > 0 && isBetter(offer, best?.offer))
          best = { worker, offer };
    const lease = best?.worker.capacity.tryAcquire({ pipeline, model });
    return best === undefined || lease === undefined ? undefined : { worker: best.worker, lease };
  }

  /** Sends every worker away. */
  stop(): void {
    this.#stopped.abort();
    for (const worker of this.#workers.values()) worker.sendAway();
  }
}

function isBetter(offer: ModelOffer, than: ModelOffer | undefined): boolean {
  if (than === undefined) return true;
  return offer.isWarm === than.isWarm ? offer.free > than.free : offer.isWarm;
}
