import type { Address } from "@rivulet/crypto";
import {
  type Clock,
  codeOf,
  type ErrorCode,
  isError,
  type Logger,
  linked,
  type Milliseconds,
  minutes,
  ms,
  type Randomness,
  RivuletError,
  type ServiceUri,
  type Startable,
  seconds,
} from "@rivulet/primitives";
import type { Offer, OrchestratorSession } from "../orchestrator-session.ts";
import type { Payer } from "../paying/payer.ts";
import { addressOf } from "./address.ts";
import type { KnownPool } from "./on-chain.ts";
import { isPublicPlace } from "./public-place.ts";
import type { DiscoverySource, Listed } from "./source.ts";

/** What an orchestrator answers when asked about itself. */
export interface Told {
  readonly session: OrchestratorSession;
  /** Further addresses of the same operator. */
  readonly nodes: readonly string[];
}

/** Asks orchestrators about themselves. The real one speaks gRPC. */
export interface OrchestratorClient {
  /** Throws "peer.unreachable" and "peer.protocol"; "credentials.incompatible" when it cannot serve us. */
  ask(uri: ServiceUri, signal: AbortSignal): Promise<Told>;
  /** Lets go of what it keeps for an address that is not used any more. */
  forget(uri: ServiceUri): void;
}

export interface DiscoveryOptions {
  /** How often everybody is asked; a tenth more or less, by chance, so that gateways do not ask in step. */
  readonly interval: Milliseconds;
  /** An orchestrator that missed this many rounds in a row is forgotten. */
  readonly missesAllowed: number;
  /** How many further addresses of each answer are asked too, one level deep. */
  readonly extraNodes: number;
  /** Orchestrators that get no work. */
  readonly blocked: ReadonlySet<Address>;
  /** Whether places that a chain or a public orchestrator names must be public, too. Those of a list of one's own need not. */
  readonly publicOnly?: boolean | undefined;
}

export interface DiscoveryPorts {
  readonly source: DiscoverySource;
  readonly client: OrchestratorClient;
  /** On chain, whatever the source: stakes are known all the same. */
  readonly pool?: KnownPool | undefined;
  /** Tells when terms are due to be asked again. */
  readonly payer: Pick<Payer, "isDue" | "isOver" | "onDue" | "renewEvery">;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly log: Logger;
}

/** Where discovery says what it found. */
export interface DiscoveryListener {
  update(session: OrchestratorSession): void;
  remove(uri: ServiceUri): void;
}

/** An address that was found and is not used, and why. */
export interface Unused {
  readonly uri: ServiceUri;
  readonly reason: ErrorCode | "blocked" | "no-work" | "same-as-other" | "not-who-registered";
}

/** Orchestrators asked at once: a silent one occupies a place for three seconds. */
const MAX_AT_ONCE = 64;
/** Source: wire-protocol 1.4, connecting included. */
const TIMEOUT_ASK = seconds(3);
const TIMEOUT_REFRESH = ms(2500);
/** A token is renewed when less than this share of its life is left. Source: wire-protocol 3.4. */
const LAST_SHARE = 0.1;
/** How soon a round is repeated when somebody did not answer, or nobody is known. */
const SOON = seconds(5);
const SOONEST = seconds(1);
/** How long everybody is asked sooner after somebody has lost a model: most come back, with their runner. */
const RESTLESS = minutes(2);
const JITTER = 0.1;

/**
 * Who is there: asks the source for addresses and every address about itself, in rounds in the background. No job ever
 * waits for a round; a session whose token was refused is renewed by `refresh`, for that orchestrator alone.
 */
export class Discovery implements Startable {
  readonly #options: DiscoveryOptions;
  readonly #ports: DiscoveryPorts;
  readonly #listener: DiscoveryListener;
  readonly #stopped = new AbortController();
  readonly #known = new Map<ServiceUri, { session: OrchestratorSession; misses: number }>();
  /** Which address stands for each place of work. */
  readonly #standsFor = new Map<ServiceUri, ServiceUri>();
  readonly #unused = new Map<ServiceUri, Unused["reason"]>();
  readonly #refreshing = new Map<ServiceUri, Promise<OrchestratorSession>>();
  readonly #renewing = new Set<Promise<unknown>>();
  #listed: readonly Listed[] = [];
  #registered: ReadonlyMap<ServiceUri, ReadonlySet<Address>> = new Map();
  #woken = new AbortController();
  readonly #listening = new DisposableStack();
  #rounds = 0;
  #restlessUntil: Milliseconds = ms(0);
  #running: Promise<void> = Promise.resolve();

  constructor(options: DiscoveryOptions, ports: DiscoveryPorts, listener: DiscoveryListener) {
    this.#options = options;
    this.#ports = ports;
    this.#listener = listener;
  }

  /** Begins the first round and does not wait for it. */
  async start(): Promise<void> {
    const { pool, payer } = this.#ports;
    this.#listening.use(payer.onDue(() => this.#renew()));
    if (pool !== undefined) this.#listening.use(pool.onChanged(() => this.#woken.abort(new Error("the pool changed"))));
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#listening.dispose();
    this.#stopped.abort(new RivuletError("node.stopping", {}));
    await Promise.allSettled([this.#running, ...this.#refreshing.values(), ...this.#renewing]);
  }

  /** Rounds that have ended. */
  get rounds(): number {
    return this.#rounds;
  }

  /** Addresses that are listed and not used. */
  get unused(): readonly Unused[] {
    return Array.from(this.#unused, ([uri, reason]) => ({ uri, reason }));
  }

  /**
   * A session in place of one whose token or tickets were refused. Callers at the same time share the question; who comes
   * with a session that has been replaced meanwhile gets the new one.
   */
  refresh(stale: OrchestratorSession): Promise<OrchestratorSession> {
    return this.#refresh(stale, (session) => session);
  }

  #refresh(
    stale: OrchestratorSession,
    complete: (session: OrchestratorSession) => OrchestratorSession,
  ): Promise<OrchestratorSession> {
    const { uri } = stale;
    const known = this.#known.get(uri)?.session;
    if (known !== undefined && known !== stale) return Promise.resolve(known);
    const refreshing =
      this.#refreshing.get(uri) ??
      this.#ask(uri, TIMEOUT_REFRESH)
        .then((told) => {
          const session = complete(told.session);
          this.#accept(uri, session);
          return session;
        })
        .finally(() => this.#refreshing.delete(uri));
    this.#refreshing.set(uri, refreshing);
    return refreshing;
  }

  /** Asks those whose terms are past the middle of their life, so that no job has to. */
  #renew(): void {
    const { payer, log } = this.#ports;
    for (const { session } of this.#known.values()) {
      if (this.#refreshing.has(session.uri)) continue;
      if (!session.offers.some(({ terms }) => terms !== undefined && payer.isDue(terms))) continue;
      const renewing = this.#refresh(session, (told) => this.#withTermsThatHold(told))
        .catch((error) => log.debug("terms not renewed", { uri: session.uri, code: codeOf(error) }))
        .finally(() => this.#renewing.delete(renewing));
      this.#renewing.add(renewing);
    }
  }

  /**
   * Terms hold for as long as their parameters: an orchestrator that is there and cannot tell new ones for a moment, as while
   * its redeemer is away, still sells on those it told.
   */
  #withTermsThatHold(session: OrchestratorSession): OrchestratorSession {
    const before = this.#known.get(session.uri)?.session;
    if (before === undefined || before.address !== session.address) return session;
    if (session.offers.every(({ objection }) => objection === undefined)) return session;
    const offers = session.offers.map((offer) => {
      const { objection, ...rest } = offer;
      const terms = before.offers.find(isSameModel(offer))?.terms;
      const isHeld = objection?.code === "peer.unreachable" && terms !== undefined && !this.#ports.payer.isOver(terms);
      return isHeld ? { ...rest, price: terms.price, terms } : offer;
    });
    // Who is paid is told with terms alone; where none were, it is who was paid before.
    const { operator } = session.offers.some(({ terms }) => terms?.params !== undefined) ? session : before;
    return { ...session, offers, operator };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    for (let alone = 0; !signal.aborted; ) {
      const everybodyAnswered = await this.#round();
      alone = this.#known.size === 0 ? alone + 1 : 0;
      await this.#sleep(this.#pause(alone, everybodyAnswered));
    }
  }

  /** Until the next round is due, or the pool has changed; storms of changes make one round a second. */
  async #sleep(pause: Milliseconds): Promise<void> {
    const { clock } = this.#ports;
    const { signal } = this.#stopped;
    const least = ms(Math.min(SOONEST, pause));
    try {
      await clock.sleep(least, signal);
      using woken = linked(signal, this.#woken.signal);
      await clock.sleep(ms(pause - least), woken.signal);
    } catch {
      // Woken or stopped: whoever called sees which.
    }
    if (this.#woken.signal.aborted) this.#woken = new AbortController();
  }

  async #round(): Promise<boolean> {
    await this.#list();
    const asked = new Set(this.#listed.map(({ uri }) => uri));
    const nodes: ServiceUri[] = [];
    let missed = await this.#askAll([...asked], (told) => {
      const further = told.nodes.filter(isNode).slice(0, this.#options.extraNodes).map(addressOf);
      for (const uri of further)
        if (uri !== undefined && !asked.has(uri) && this.#mayName(told.session.uri, uri)) {
          asked.add(uri);
          nodes.push(uri);
        }
    });
    missed += await this.#askAll(nodes, () => {});
    if (this.#stopped.signal.aborted) return false;
    for (const uri of [...this.#known.keys()]) if (!asked.has(uri)) this.#miss(uri);
    for (const uri of [...this.#unused.keys()]) if (!asked.has(uri)) this.#leave(uri);
    this.#rounds += 1;
    this.#ports.log.debug("discovery round", { asked: asked.size, known: this.#known.size, missed });
    return missed === 0;
  }

  async #list(): Promise<void> {
    const { pool, source } = this.#ports;
    const { signal } = this.#stopped;
    try {
      await pool?.refresh(signal);
    } catch (error) {
      this.#ports.log.warn("pool not available", { code: codeOf(error) });
    }
    try {
      this.#listed = await source.list(signal);
      this.#registered = new Map(
        this.#listed.flatMap(({ uri, registered }) => (registered === undefined ? [] : [[uri, registered] as const])),
      );
    } catch (error) {
      // The last list goes on: orchestrators do not vanish because their list does.
      this.#ports.log.warn("orchestrator list not available", { code: codeOf(error), kept: this.#listed.length });
    }
  }

  /** Asks everybody, a bounded number at once. Returns how many did not answer. */
  async #askAll(uris: readonly ServiceUri[], onTold: (told: Told) => void): Promise<number> {
    const left = uris.values();
    let missed = 0;
    const askInTurn = async () => {
      for (const uri of left) {
        try {
          const told = await this.#ask(uri, TIMEOUT_ASK);
          this.#accept(uri, this.#withTermsThatHold(told.session));
          onTold(told);
        } catch (error) {
          if (this.#stopped.signal.aborted) return;
          missed += 1;
          this.#unused.set(uri, codeOf(error));
          this.#miss(uri);
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(MAX_AT_ONCE, uris.length) }, askInTurn));
    return missed;
  }

  /** Throws "peer.not-public" for places where we have no business, and before anything is sent to them. */
  async #ask(uri: ServiceUri, timeout: Milliseconds): Promise<Told> {
    const isFromChain = this.#registered.has(uri);
    if (isFromChain && this.#options.publicOnly === true && !isPublicPlace(uri))
      throw new RivuletError("peer.not-public", {});
    const told = await this.#answerOf(uri, timeout);
    if (!this.#mayName(uri, told.session.serviceUri)) throw new RivuletError("peer.not-public", {});
    return told;
  }

  /** Whoever is public may not send us to our own neighbours. Whoever is not is on a list of our own. */
  #mayName(teller: ServiceUri, place: ServiceUri): boolean {
    return this.#options.publicOnly !== true || isPublicPlace(place) || !isPublicPlace(teller);
  }

  async #answerOf(uri: ServiceUri, timeout: Milliseconds): Promise<Told> {
    const { clock, client } = this.#ports;
    const limit = new AbortController();
    const { signal } = this.#stopped;
    signal.throwIfAborted();
    const ended = new AbortController();
    clock.sleep(timeout, ended.signal).then(
      () => limit.abort(new RivuletError("peer.unreachable", { reason: "no answer in time" })),
      () => {},
    );
    try {
      return await client.ask(uri, AbortSignal.any([signal, limit.signal]));
    } catch (error) {
      signal.throwIfAborted();
      throw isError(error) ? error : new RivuletError("peer.unreachable", {}, { cause: error });
    } finally {
      ended.abort(new Error("the question has been answered"));
    }
  }

  #accept(uri: ServiceUri, session: OrchestratorSession): void {
    const before = this.#known.get(uri);
    const reason = this.#whyNot(uri, session);
    if (before !== undefined && session.offers.length < before.session.offers.length)
      this.#restlessUntil = ms(this.#ports.clock.now() + RESTLESS);
    if (reason === undefined) {
      if (before === undefined) this.#ports.log.info("orchestrator found", { uri, version: session.version });
      else this.#standsFor.delete(before.session.serviceUri);
      this.#standsFor.set(session.serviceUri, uri);
      this.#known.set(uri, { session, misses: 0 });
      this.#unused.delete(uri);
      this.#listener.update(session);
    } else {
      this.#unused.set(uri, reason);
      this.#forget(uri);
    }
  }

  #whyNot(uri: ServiceUri, session: OrchestratorSession): Unused["reason"] | undefined {
    const { blocked } = this.#options;
    if (blocked.has(session.address) || blocked.has(session.operator)) return "blocked";
    const registered = this.#registered.get(uri);
    if (registered !== undefined && !registered.has(session.operator)) return "not-who-registered";
    if (session.offers.length === 0) return "no-work";
    return (this.#standsFor.get(session.serviceUri) ?? uri) === uri ? undefined : "same-as-other";
  }

  #miss(uri: ServiceUri): void {
    const known = this.#known.get(uri);
    if (known === undefined) return;
    known.misses += 1;
    if (known.misses < this.#options.missesAllowed) return;
    this.#ports.log.info("orchestrator gone", { uri });
    this.#forget(uri);
  }

  #leave(uri: ServiceUri): void {
    this.#unused.delete(uri);
    this.#ports.client.forget(uri);
  }

  #forget(uri: ServiceUri): void {
    const known = this.#known.get(uri);
    if (known === undefined) return;
    this.#ports.client.forget(uri);
    this.#known.delete(uri);
    this.#standsFor.delete(known.session.serviceUri);
    this.#listener.remove(uri);
  }

  #pause(alone: number, everybodyAnswered: boolean): Milliseconds {
    const { clock, payer, randomness } = this.#ports;
    const now = clock.now();
    let pause: number = Math.min(this.#options.interval, payer.renewEvery ?? Number.POSITIVE_INFINITY);
    if (!everybodyAnswered || now < this.#restlessUntil) pause = Math.min(pause, SOON);
    if (alone > 0) pause = Math.min(pause, SOONEST * 2 ** Math.min(alone - 1, 3));
    for (const { session } of this.#known.values()) {
      const life = session.token.expiresAt - session.seenAt;
      // Dead on arrival is a clock that differs from ours: a job whose token is refused has it renewed.
      if (life > 0) pause = Math.min(pause, Math.max(SOON, session.token.expiresAt - life * LAST_SHARE - now));
    }
    return ms(Math.max(SOONEST, pause) * (1 - JITTER + 2 * JITTER * randomness.uniform()));
  }
}

function isSameModel({ pipeline, model }: Offer): (other: Offer) => boolean {
  return (other) => other.pipeline === pipeline && other.model === model;
}

/** Peers name others by `https` and with a port; anything else would have us knock at our own neighbours. Source: wire-protocol 10. */
function isNode(text: string): boolean {
  return /^https:\/\/[^/]+:\d+(?:\/|$)/i.test(text);
}
