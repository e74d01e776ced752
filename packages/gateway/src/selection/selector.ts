import { type Clock, codeOf, type ErrorCode, type Milliseconds, ms, RivuletError, seconds } from "@rivulet/primitives";
import type { Offer, OrchestratorSession } from "../orchestrator-session.ts";
import { type Candidate, newCandidate, type Standing, slotsOf } from "./candidate.ts";
import { Choice } from "./choice.ts";
import { type Considered, consider } from "./considered.ts";
import { type Chosen, ModelPool, type PoolOptions, type PoolPorts } from "./pool.ts";
import { penaltyOf, type Suspension, suspended } from "./suspension.ts";

export interface SelectorOptions extends PoolOptions {
  /** What an application is told to wait when no orchestrator is known at all. */
  readonly retryWhenAlone: Milliseconds;
}

/** What a job needs. */
export interface Demand {
  readonly pipeline: string;
  readonly model: string;
}

export interface AcquireOptions {
  /** Discovery addresses this job does not want again. */
  readonly tried: ReadonlySet<string>;
  /** How long to wait when all are full. */
  readonly patience: Milliseconds;
  readonly signal: AbortSignal;
}

/** What stories tell of a crowd: more than a pool on the chain has. */
const MOST_CONSIDERED = 128;

interface Node {
  session: OrchestratorSession;
  readonly standings: Map<string, Standing>;
  readonly candidates: Map<string, Candidate>;
}

/**
 * Which orchestrator gets the next job. Discovery tells it who is there; jobs take slots and say how they ended.
 *
 * Choosing takes O(log n) and never waits for the network.
 */
export class Selector {
  readonly #options: SelectorOptions;
  readonly #ports: PoolPorts;
  readonly #clock: Clock;
  readonly #nodes = new Map<string, Node>();
  readonly #pools = new Map<string, ModelPool>();

  constructor(options: SelectorOptions, ports: PoolPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#clock = ports.clock;
  }

  /** Orchestrators known now. */
  get size(): number {
    return this.#nodes.size;
  }

  /** Takes over what an orchestrator says now, in place of what it said before. */
  update(session: OrchestratorSession): void {
    const node = this.#nodes.get(session.uri) ?? { session, standings: new Map(), candidates: new Map() };
    this.#nodes.set(session.uri, node);
    node.session = session;
    const offered = new Set<string>();
    for (const offer of session.offers) {
      const key = keyOf(offer.pipeline.name, offer.model);
      offered.add(key);
      const standing = this.#standingOf(node, offer.pipeline.name);
      if (isAnsweredByTalking(standing.suspension?.reason))
        standing.suspension = endedNow(standing.suspension, this.#clock.now());
      const known = node.candidates.get(key);
      const pool = this.#poolOf(key, { pipeline: offer.pipeline.name, model: offer.model });
      const candidate = known ?? newCandidate(pool, standing, session, offer);
      if (known === undefined) {
        node.candidates.set(key, candidate);
        pool.candidates.set(session.uri, candidate);
        standing.candidates.add(candidate);
      }
      pool.change(candidate, (c) => {
        c.session = session;
        c.offer = offer;
        c.isWarm = offer.isWarm;
        c.slots = slotsOf(offer, c.slots);
        // It told what is free beside our jobs; one that has ended there, and whose files we still fetch, is among the free.
        // One is always worth asking: its answer is newer than what it told.
        c.limit = Math.max(1, Math.min(offer.capacity + c.inFlight, c.slots));
      });
      pool.pump();
    }
    for (const [key, candidate] of node.candidates) if (!offered.has(key)) this.#drop(node, key, candidate);
  }

  /** Forgets an orchestrator. Its jobs under way may still end well. */
  remove(uri: string): void {
    const node = this.#nodes.get(uri);
    if (node === undefined) return;
    this.#nodes.delete(uri);
    for (const [key, candidate] of node.candidates) this.#drop(node, key, candidate);
  }

  /**
   * Chooses an orchestrator and takes one of its slots; dispose the choice to give it back. Waits for a slot only
   * when all that would do are full.
   *
   * Throws "network.no-orchestrators", "model.not-offered" and "network.all-busy", what speaks against everybody there is,
   * and the signal's reason.
   */
  async acquire(demand: Demand, options: AcquireOptions): Promise<Choice> {
    const pool = this.#pools.get(keyOf(demand.pipeline, demand.model));
    if (pool === undefined) throw this.#nothing(demand);
    options.signal.throwIfAborted();
    const began = this.#clock.monotonic();
    const chosen = pool.takeNow(options.tried) ?? (await this.#wait(pool, options));
    return new Choice(chosen, ms(this.#clock.monotonic() - began), {
      succeeded: (figures) => pool.succeeded(chosen.candidate, figures),
      failed: (error) => this.#failed(chosen.candidate, error),
      giveBack: () => pool.giveBack(chosen),
    });
  }

  #wait(pool: ModelPool, { tried, patience, signal }: AcquireOptions): Promise<Chosen> {
    const objection = pool.commonObjection(tried);
    if (objection !== undefined) throw new RivuletError(objection.code, { reason: objection.reason });
    return pool.takeWaiting(tried, patience, signal);
  }

  /** Whether an orchestrator the job has not tried is there and not suspended. */
  hasOther(demand: Demand, tried: ReadonlySet<string>): boolean {
    const pool = this.#pools.get(keyOf(demand.pipeline, demand.model));
    return pool?.mayBecomeFree(tried) ?? false;
  }

  /** The average latency score of this model's jobs, once one has ended. */
  averageScore(demand: Demand): number | undefined {
    return this.#pools.get(keyOf(demand.pipeline, demand.model))?.averageScore;
  }

  #look(candidate: Candidate, tried: ReadonlySet<string>, chance?: number): Considered {
    const stake = this.#ports.lots?.stakeOf(candidate.session.operator);
    return consider(candidate, { now: this.#clock.now(), tried, chance, stake });
  }

  /** How each orchestrator that offers the model stands, at most `most` of them. */
  considered(demand: Demand, tried: ReadonlySet<string>, most = MOST_CONSIDERED): readonly Considered[] {
    const pool = this.#pools.get(keyOf(demand.pipeline, demand.model));
    if (pool === undefined) return [];
    const chances = pool.chances();
    const seen: Considered[] = [];
    for (const candidate of pool.candidates.values()) {
      if (seen.length === most) break;
      seen.push(this.#look(candidate, tried, chances.get(candidate)));
    }
    return seen;
  }

  /** Every orchestrator that offers the model, with its offer. */
  offers(demand: Demand): readonly { readonly session: OrchestratorSession; readonly offer: Offer }[] {
    const pool = this.#pools.get(keyOf(demand.pipeline, demand.model));
    return Array.from(pool?.candidates.values() ?? [], ({ session, offer }) => ({ session, offer }));
  }

  /** How one orchestrator stands at each of its offers. */
  standing(uri: string): readonly (Demand & Considered)[] {
    const node = this.#nodes.get(uri);
    return [...(node?.candidates.values() ?? [])].map((candidate) => ({
      pipeline: candidate.offer.pipeline.name,
      model: candidate.offer.model,
      ...this.#look(candidate, new Set(), candidate.pool.chances().get(candidate)),
    }));
  }

  sessions(): readonly OrchestratorSession[] {
    return Array.from(this.#nodes.values(), ({ session }) => session);
  }

  /** Refuses everybody who waits. */
  close(): void {
    for (const pool of this.#pools.values()) pool.close(new RivuletError("node.stopping", {}));
  }

  #failed(candidate: Candidate, error: unknown): void {
    const code = codeOf(error);
    if (code === "capacity.exhausted") candidate.pool.wasFull(candidate);
    const penalty = penaltyOf(code);
    if (penalty === undefined) return;
    const node = this.#nodes.get(candidate.session.uri);
    const reached = penalty.reach === "pipeline" ? [candidate.standing] : (node?.standings.values() ?? []);
    const now = this.#clock.now();
    for (const standing of reached) {
      standing.suspension = suspended(standing.suspension, code, penalty, now);
      for (const each of standing.candidates) each.pool.change(each, () => {});
    }
  }

  #nothing({ pipeline, model }: Demand): RivuletError {
    if (this.#nodes.size === 0)
      return new RivuletError("network.no-orchestrators", { retryAfterMs: this.#options.retryWhenAlone });
    const offered = [...this.#pools.values()].filter((pool) => pool.pipeline === pipeline).map((pool) => pool.model);
    return new RivuletError("model.not-offered", { pipeline, model, offered: offered.sort() });
  }

  #drop(node: Node, key: string, candidate: Candidate): void {
    const { pool, standing } = candidate;
    pool.change(candidate, (c) => {
      c.isGone = true;
    });
    node.candidates.delete(key);
    standing.candidates.delete(candidate);
    if (pool.candidates.get(candidate.session.uri) === candidate) pool.candidates.delete(candidate.session.uri);
    if (pool.candidates.size > 0) {
      pool.pump();
    } else {
      this.#pools.delete(key);
      pool.close(this.#nothing(pool));
    }
  }

  #poolOf(key: string, demand: Demand): ModelPool {
    const known = this.#pools.get(key);
    if (known !== undefined) return known;
    const pool = new ModelPool(demand, this.#options, this.#ports);
    this.#pools.set(key, pool);
    return pool;
  }

  #standingOf(node: Node, pipeline: string): Standing {
    const known = node.standings.get(pipeline);
    if (known !== undefined) return known;
    const standing: Standing = { suspension: undefined, isProbing: false, candidates: new Set() };
    node.standings.set(pipeline, standing);
    return standing;
  }
}

/** Failures to talk end when the orchestrator talks again. */
function isAnsweredByTalking(reason: ErrorCode | undefined): boolean {
  return reason === "peer.unreachable" || reason === "node.stopping";
}

/** The same suspension, over: the next job is the probe. */
function endedNow(suspension: Suspension | undefined, now: Milliseconds): Suspension | undefined {
  return suspension && { ...suspension, until: ms(Math.min(suspension.until, now)) };
}

function keyOf(pipeline: string, model: string): string {
  return `${pipeline} ${model}`;
}

/** The default for `retryWhenAlone`. */
export const RETRY_WHEN_ALONE = seconds(5);
