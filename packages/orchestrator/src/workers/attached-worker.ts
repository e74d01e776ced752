import { BoundedQueue } from "@rivulet/primitives";
import type { Hardware } from "@rivulet/wire";
import { Capacity } from "../capacity.ts";
import type { ModelOffer } from "../executor.ts";
import { MAX_NOTIFICATIONS } from "../limits.ts";

/** A job as it goes down a worker's stream. */
export interface Notification {
  readonly taskId: number;
  readonly pipeline: string;
  /** Names of the request's file fields: they are told, without content. */
  readonly files: readonly string[];
  readonly inputUrl: string;
  readonly request: Readonly<Record<string, unknown>>;
}

/** What a worker said when it registered. `slots` of each offer is what it can do at once. */
export interface Registration {
  readonly offers: readonly ModelOffer[];
  readonly hardware: readonly Hardware[];
}

/** One open stream towards a worker: ends when it is replaced or sent away. */
export interface Connection {
  readonly ended: AbortSignal;
  notifications(): AsyncIterable<Notification>;
}

/**
 * A worker, through all its connections: the same worker that comes back within the grace keeps its jobs.
 *
 * Its slots are counted here alone. A job that is cancelled keeps its slot until the worker reports or leaves, because the
 * network has no message that stops a worker.
 */
export class AttachedWorker {
  readonly id: string;
  /** Whether it says by itself who it is, to be known when it comes back: one of ours. */
  readonly isNamed: boolean;
  readonly capacity = new Capacity();
  /** Aborted, with "worker.lost", when the worker is gone for good. */
  readonly departed = new AbortController();
  #outbox = new BoundedQueue<Notification>(MAX_NOTIFICATIONS, "refuse");
  #registration: Registration = { offers: [], hardware: [] };
  #connection: AbortController | undefined;
  /** The latest connection there was. */
  #latest: AbortSignal | undefined;
  #wake: () => void = () => {};

  constructor(id: string, isNamed: boolean) {
    this.id = id;
    this.isNamed = isNamed;
  }

  get isConnected(): boolean {
    return this.#connection?.signal.aborted === false;
  }

  /** What it offers, as full while it is away: who comes back has what it had, and nobody need look elsewhere for good. */
  get offers(): readonly ModelOffer[] {
    const { isConnected } = this;
    return this.#registration.offers.map((offer) => ({ ...offer, free: isConnected ? this.capacity.free(offer) : 0 }));
  }

  get hardware(): readonly Hardware[] {
    return this.#registration.hardware;
  }

  /** Opens a stream. An older one ends, with what was not sent on it. */
  connect(registration: Registration): Connection {
    this.#connection?.abort();
    const connection = new AbortController();
    this.#connection = connection;
    this.#latest = connection.signal;
    this.#registration = registration;
    this.#outbox = new BoundedQueue(MAX_NOTIFICATIONS, "refuse");
    this.capacity.set(registration.offers);
    return { ended: connection.signal, notifications: () => this.#notifications(connection.signal) };
  }

  /** Ends a stream if it is still the worker's; false when a newer one has taken its place. */
  disconnect(connection: Connection): boolean {
    if (this.#connection?.signal !== connection.ended) return false;
    this.#connection.abort();
    this.#connection = undefined;
    return true;
  }

  /** Whether nothing came after this connection, which has ended. */
  isAwaySince(connection: Connection): boolean {
    return !this.isConnected && this.#latest === connection.ended;
  }

  /** Ends the stream from our side: a worker that is alive comes back with a clean slate. */
  sendAway(): void {
    this.#connection?.abort();
  }

  /** Puts a job on the stream. False when the worker reads too slowly to take more. */
  notify(notification: Notification): boolean {
    const isTaken = this.#outbox.push(notification);
    this.#wake();
    return isTaken;
  }

  async *#notifications(ended: AbortSignal): AsyncGenerator<Notification> {
    ended.addEventListener("abort", () => this.#wake(), { once: true });
    while (!ended.aborted) {
      const next = this.#outbox.shift();
      if (next !== undefined) yield next;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}
