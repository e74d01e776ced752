import type { Address } from "@rivulet/crypto";
import {
  type Clock,
  linked,
  type Milliseconds,
  ms,
  type Randomness,
  Rational,
  RivuletError,
  seconds,
} from "@rivulet/primitives";
import type { Objection, Peer } from "../paying/payer.ts";
import { type Candidate, isBefore, type Standing, warmWork } from "./candidate.ts";
import { type Draw, drawOf, type Weigh } from "./draw.ts";
import { Heap } from "./heap.ts";
import { JobAverages, type JobFigures } from "./job-averages.ts";
import { observed, scoreAt } from "./latency-score.ts";
import type { Weighed } from "./weights.ts";

/** Why an orchestrator was chosen. */
export type Why = "warm" | "cold-none-warm" | "cold-warm-full";

/** What selection asks of the world. */
export interface PoolPorts {
  readonly clock: Clock;
  /** Why an orchestrator gets no work of a model, asked anew for every job. Absent: nothing ever speaks against one. */
  readonly objection?: ((peer: Peer) => Objection | undefined) | undefined;
  /** Absent: nothing is drawn, the first in order is chosen. */
  readonly lots?: Lots | undefined;
}

/** By what orchestrators are drawn. */
export interface Lots {
  readonly weigh: Weigh;
  readonly randomness: Randomness;
  /** In any unit, as long as it is one unit. */
  readonly stakeOf: (operator: Address) => bigint;
  /** 0 to 1, where somebody measured. */
  readonly performanceOf?: ((operator: Address) => number | undefined) | undefined;
}

export interface PoolOptions {
  /** Jobs that may wait for a slot of one model. */
  readonly queueLength: number;
}

interface Waiter {
  readonly tried: ReadonlySet<string>;
  readonly take: (chosen: Chosen) => void;
  readonly refuse: (error: RivuletError) => void;
}

interface Found {
  readonly candidate: Candidate;
  readonly why: Why;
  /** Absent when nothing was drawn. */
  readonly draw?: Draw | undefined;
}

/** A candidate one of whose slots is taken. */
export interface Chosen extends Found {
  /** Whether this job decides if the candidate's suspension is over. */
  readonly isProbe: boolean;
}

/** An orchestrator that said it is full is left alone this long: about what a short job takes. */
const PAUSE_WHEN_FULL = ms(250);
const LEAST_RETRY_AFTER = seconds(1);
const MOST_RETRY_AFTER = seconds(60);

/**
 * The orchestrators that offer one model of one pipeline: who may get the next job, and who waits for whom.
 *
 * Warm before cold. Among the free ones an operator is drawn, if lots are drawn; of what is left, order decides: idle
 * before busy, then the best score with the unknown first, then who waited longest. When all warm ones are full a job
 * waits, or goes to a cold one if loading takes less time than waiting. Source: nodes-and-operations 3.6, 13.
 */
export class ModelPool {
  readonly pipeline: string;
  readonly model: string;
  readonly candidates = new Map<string, Candidate>();
  readonly #options: PoolOptions;
  readonly #ports: PoolPorts;
  readonly #clock: Clock;
  readonly #warm = new Heap(isBefore);
  readonly #cold = new Heap(isBefore);
  readonly #resting = new Heap<Candidate>((a, b) => a.wakesAt < b.wakesAt);
  #waiters: Waiter[] = [];
  #alarm: Disposable | undefined;
  readonly #averages = new JobAverages();
  #chosen = 0;
  /** Jobs of ours under way at warm orchestrators. */
  #warmWorking = 0;

  constructor(name: { readonly pipeline: string; readonly model: string }, options: PoolOptions, ports: PoolPorts) {
    this.pipeline = name.pipeline;
    this.model = name.model;
    this.#options = options;
    this.#ports = ports;
    this.#clock = ports.clock;
  }

  /** Why a candidate gets no job of this model now. */
  objection({ session, offer }: Candidate): Objection | undefined {
    return this.#ports.objection?.({ session, offer });
  }

  /** What speaks against everybody who is left, when something does: then waiting is in vain. */
  commonObjection(tried: ReadonlySet<string>): Objection | undefined {
    let found: Objection | undefined;
    for (const candidate of this.candidates.values()) {
      if (tried.has(candidate.session.uri)) continue;
      const objection = this.objection(candidate);
      if (objection === undefined) return undefined;
      found ??= objection;
    }
    return found;
  }

  /** The chances of those who would be drawn from now; empty when nothing is drawn. */
  chances(): ReadonlyMap<Candidate, number> {
    const { lots } = this.#ports;
    if (lots === undefined) return new Map();
    for (const heap of [this.#warm, this.#cold]) {
      const contenders = this.#contenders(heap, (candidate) => this.objection(candidate) === undefined, lots);
      if (contenders.size === 0) continue;
      return new Map(
        lots.weigh([...contenders.keys()]).flatMap(([operator, chance]) => {
          const candidate = contenders.get(operator);
          return candidate === undefined ? [] : [[candidate, chance]];
        }),
      );
    }
    return new Map();
  }

  /** The average latency score of all orchestrators, once a job has ended. */
  get averageScore(): number | undefined {
    return this.#averages.score;
  }

  /** Changes a candidate and puts it where it belongs after the change. */
  change(candidate: Candidate, change: (candidate: Candidate) => void): void {
    this.#warm.remove(candidate);
    this.#cold.remove(candidate);
    this.#resting.remove(candidate);
    this.#warmWorking -= warmWork(candidate);
    change(candidate);
    this.#warmWorking += warmWork(candidate);
    this.#place(candidate);
  }

  /** Chooses at once, or not at all. The chosen one's slot is taken. */
  takeNow(tried: ReadonlySet<string>): Chosen | undefined {
    this.#wake();
    const found = this.#find(tried, this.#waiters.length);
    return found && this.#take(found);
  }

  /**
   * Waits for a slot, first come first served, for as long as `patience`; then a cold orchestrator will do. Throws
   * "network.all-busy" when the queue is full, when nobody will ever be free, or when the time is up.
   */
  async takeWaiting(tried: ReadonlySet<string>, patience: Milliseconds, signal: AbortSignal): Promise<Chosen> {
    if (this.#waiters.length >= this.#options.queueLength || !this.mayBecomeFree(tried)) throw this.busy();
    const { promise, resolve, reject } = Promise.withResolvers<Chosen>();
    const waiter: Waiter = { tried, take: resolve, refuse: reject };
    using ended = linked(signal);
    this.#waiters.push(waiter);
    this.#setAlarm();
    this.#clock.sleep(patience, ended.signal).then(
      () => {
        if (!this.#leave(waiter)) return;
        this.#wake();
        const cold = this.#pick(this.#cold, tried);
        if (cold === undefined) reject(this.busy());
        else resolve(this.#take({ ...cold, why: "cold-warm-full" }));
      },
      (reason) => {
        this.#leave(waiter);
        reject(reason);
      },
    );
    try {
      return await promise;
    } finally {
      ended.abort(new Error("the wait has ended"));
    }
  }

  /** Gives a slot back and lets the next one in. */
  giveBack({ candidate, isProbe }: Chosen): void {
    if (isProbe) this.#endProbe(candidate.standing);
    this.change(candidate, (c) => {
      c.inFlight -= 1;
    });
    this.pump();
  }

  succeeded(candidate: Candidate, figures: JobFigures): void {
    this.#averages.note(figures);
    candidate.standing.suspension = undefined;
    this.change(candidate, (c) => {
      c.score = observed(c.score, figures.score, this.#clock.now());
      c.isWarm = true;
      c.restsUntil = ms(0);
    });
  }

  /** Notes that the orchestrator said it was full. */
  wasFull(candidate: Candidate): void {
    this.change(candidate, (c) => {
      c.restsUntil = ms(this.#clock.now() + PAUSE_WHEN_FULL);
    });
  }

  /** The error for "not now", with the time after which trying again makes sense. */
  busy(): RivuletError<"network.all-busy"> {
    const now = this.#clock.now();
    let slots = 0;
    let soonest = Number.POSITIVE_INFINITY;
    for (const { standing, limit } of this.candidates.values()) {
      const until = standing.suspension?.until ?? 0;
      if (until > now) soonest = Math.min(soonest, until - now);
      else slots += limit;
    }
    const queued = slots === 0 ? soonest : (this.#averages.job * (this.#waiters.length + 1)) / slots;
    const retryAfterMs = Math.ceil(Math.min(MOST_RETRY_AFTER, Math.max(LEAST_RETRY_AFTER, queued)));
    return new RivuletError("network.all-busy", { pipeline: this.pipeline, model: this.model, retryAfterMs });
  }

  /** Lets waiting jobs have what has become free; refuses them when nobody is left. */
  pump(): void {
    if (this.#waiters.length === 0) return;
    this.#wake();
    const staying: Waiter[] = [];
    for (const waiter of this.#waiters) {
      const found = this.#find(waiter.tried, staying.length);
      if (found !== undefined) waiter.take(this.#take(found));
      else if (this.mayBecomeFree(waiter.tried)) staying.push(waiter);
      else waiter.refuse(this.busy());
    }
    this.#waiters = staying;
    this.#setAlarm();
  }

  #find(tried: ReadonlySet<string>, ahead: number): Found | undefined {
    const warm = this.#pick(this.#warm, tried);
    if (warm !== undefined) return { ...warm, why: "warm" };
    const cold = this.#pick(this.#cold, tried);
    if (cold === undefined) return undefined;
    let working = this.#warmWorking;
    for (const uri of tried) working -= warmWork(this.candidates.get(uri));
    if (working === 0) return { ...cold, why: "cold-none-warm" };
    const waiting = (this.#averages.job * (ahead + 1)) / working;
    return waiting > this.#averages.load ? { ...cold, why: "cold-warm-full" } : undefined;
  }

  /** One of those with a free slot whom nothing speaks against. */
  #pick(heap: Heap<Candidate>, tried: ReadonlySet<string>): Omit<Found, "why"> | undefined {
    const { lots } = this.#ports;
    const isWanted = (candidate: Candidate) =>
      !tried.has(candidate.session.uri) && this.objection(candidate) === undefined;
    if (lots === undefined) {
      const candidate = heap.find(isWanted);
      return candidate && { candidate };
    }
    const contenders = this.#contenders(heap, isWanted, lots);
    const drawn = drawOf([...contenders.keys()], lots.weigh, lots.randomness);
    const candidate = drawn && contenders.get(drawn.operator);
    return candidate && { candidate, draw: drawn.draw };
  }

  /** Each operator once, with the best of its places: several sessions do not make several chances. */
  #contenders(heap: Heap<Candidate>, isWanted: (candidate: Candidate) => boolean, lots: Lots): Map<Weighed, Candidate> {
    const now = this.#clock.now();
    const best = new Map<Address, Candidate>();
    for (const candidate of heap) {
      const { operator } = candidate.session;
      const known = best.get(operator);
      if ((known === undefined || isBefore(candidate, known)) && isWanted(candidate)) best.set(operator, candidate);
    }
    return new Map(
      Array.from(best, ([operator, candidate]) => [
        {
          address: operator,
          stake: lots.stakeOf(operator),
          price: candidate.offer.price ?? Rational.ZERO,
          latency: candidate.score && scoreAt(candidate.score, now),
          performance: lots.performanceOf?.(operator),
        },
        candidate,
      ]),
    );
  }

  #take(found: Found): Chosen {
    const { candidate } = found;
    const { standing } = candidate;
    const isProbe = standing.suspension !== undefined;
    if (isProbe) {
      standing.isProbing = true;
      for (const other of standing.candidates) if (other !== candidate) other.pool.change(other, () => {});
    }
    this.change(candidate, (c) => {
      c.inFlight += 1;
      c.lastChosen = ++this.#chosen;
    });
    return { ...found, isProbe };
  }

  #endProbe(standing: Standing): void {
    standing.isProbing = false;
    for (const candidate of standing.candidates) candidate.pool.change(candidate, () => {});
    for (const candidate of standing.candidates) if (candidate.pool !== this) candidate.pool.pump();
  }

  #place(candidate: Candidate): void {
    const { standing } = candidate;
    if (candidate.isGone || standing.isProbing) return;
    const wakesAt = Math.max(standing.suspension?.until ?? 0, candidate.restsUntil);
    if (wakesAt > this.#clock.now()) {
      candidate.wakesAt = ms(wakesAt);
      this.#resting.push(candidate);
    } else if (candidate.inFlight < candidate.limit) {
      (candidate.isWarm ? this.#warm : this.#cold).push(candidate);
    }
  }

  #wake(): void {
    const now = this.#clock.now();
    for (let first = this.#resting.peek(); first !== undefined && first.wakesAt <= now; first = this.#resting.peek()) {
      this.#resting.pop();
      this.#place(first);
    }
  }

  /** Whether an orchestrator that was not tried is only busy. Suspended ones are not waited for. */
  mayBecomeFree(tried: ReadonlySet<string>): boolean {
    const now = this.#clock.now();
    for (const candidate of this.candidates.values()) {
      const { session, standing } = candidate;
      const isSuspended = standing.suspension !== undefined && standing.suspension.until > now;
      if (!tried.has(session.uri) && !isSuspended && this.objection(candidate) === undefined) return true;
    }
    return false;
  }

  /** Refuses everybody who waits: the gateway stops, or the last orchestrator has gone. */
  close(error: RivuletError): void {
    for (const waiter of this.#waiters) waiter.refuse(error);
    this.#waiters = [];
    this.#setAlarm();
  }

  /** Takes a job out of the queue. Returns whether it was still waiting. */
  #leave(waiter: Waiter): boolean {
    const before = this.#waiters.length;
    this.#waiters = this.#waiters.filter((other) => other !== waiter);
    this.#setAlarm();
    return this.#waiters.length < before;
  }

  /** Wakes the queue when the next resting orchestrator may be asked again. */
  #setAlarm(): void {
    const next = this.#waiters.length === 0 ? undefined : this.#resting.peek();
    this.#alarm?.[Symbol.dispose]();
    this.#alarm = next && this.#clock.alarm(ms(Math.max(1, next.wakesAt - this.#clock.now())), () => this.pump());
  }
}
