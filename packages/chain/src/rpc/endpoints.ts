import { type Clock, isError, type Logger, type Milliseconds, ms, RivuletError, seconds } from "@rivulet/primitives";
import { MAX_BATCH } from "../limits.ts";
import { type Head, latestBlock } from "./blocks.ts";
import { quantity, type RpcAnswers, type RpcCall, readAnswer, rpcCall } from "./call.ts";
import { EndpointFailure, RpcEndpoint, type RpcOutcome } from "./endpoint.ts";

export interface EndpointsOptions {
  /** Addresses of JSON-RPC endpoints of one chain, the preferred one first. At least one. */
  readonly urls: readonly string[];
  readonly chainId: number;
  /** How long an endpoint may take to answer before it is passed over. */
  readonly timeout?: Milliseconds;
  /** How often all of them are tried before a call fails. */
  readonly tries?: number;
  /** An endpoint whose head stood still for so long is compared with the others. */
  readonly staleAfter?: Milliseconds | undefined;
}

export interface EndpointsPorts {
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  readonly log: Logger;
}

/** One endpoint, for a page that shows the node's state. */
export interface EndpointView {
  readonly name: string;
  readonly isResting: boolean;
  /** Why it was passed over last; `undefined` while all is well. */
  readonly problem: string | undefined;
  readonly head: bigint | undefined;
}

/** What one call of a list came to. */
export type RpcSettled<T> = { readonly value: T } | { readonly error: RivuletError<"chain.refused"> };

interface EndpointState {
  readonly endpoint: RpcEndpoint;
  /** Whether its chain id was right since it last failed. */
  isChecked: boolean;
  failures: number;
  restsUntil: number;
  problem: EndpointFailure | undefined;
  head: { readonly number: bigint; readonly since: number } | undefined;
}

const TIMEOUT = seconds(10);
const TRIES = 3;
const BACKOFF = ms(500);
/** How long a failing endpoint is left alone: twice as long each time, so that a dead one costs a timeout a minute. */
const REST_FIRST = seconds(1);
const REST_LONGEST = seconds(60);
/** So many blocks may an endpoint be behind the best head seen: load balancers mix servers a second apart. */
const MAX_LAG = 64n;

/**
 * Several endpoints of one chain, used as one.
 *
 * A call goes to the first endpoint that is well. One that is slow, broken, limited, behind or on another chain is passed
 * over, the same call goes to the next, and after a rest it is tried again. A refusal by the chain itself, such as a
 * revert, is the answer and is not asked elsewhere.
 *
 * Calls throw "chain.unavailable" when all endpoints fail, "chain.wrong-network" when all serve another chain,
 * "chain.refused" for a refusal, and the reason of their signal.
 */
export class Endpoints {
  readonly #options: Required<Omit<EndpointsOptions, "urls">>;
  readonly #ports: EndpointsPorts;
  readonly #states: readonly EndpointState[];
  #highest = 0n;

  constructor(options: EndpointsOptions, ports: EndpointsPorts) {
    const { urls, chainId, timeout = TIMEOUT, tries = TRIES, staleAfter } = options;
    if (urls.length === 0) {
      const problem = { path: "chain.endpoints", message: "name at least one endpoint" };
      throw new RivuletError("config.invalid", { problems: [problem] });
    }
    this.#options = { chainId, timeout, tries, staleAfter };
    this.#ports = ports;
    this.#states = urls.map((url) => ({
      endpoint: new RpcEndpoint({ url, timeout }, ports.fetch),
      isChecked: false,
      failures: 0,
      restsUntil: 0,
      problem: undefined,
      head: undefined,
    }));
  }

  get views(): readonly EndpointView[] {
    const now = this.#ports.clock.monotonic();
    return this.#states.map(({ endpoint, restsUntil, problem, head }) => ({
      name: endpoint.name,
      isResting: restsUntil > now,
      problem: problem?.message,
      head: head?.number,
    }));
  }

  async request<T>(call: RpcCall<T>, signal?: AbortSignal): Promise<T> {
    const [answer] = await this.batch([call], signal);
    return answer;
  }

  /** Answers of one endpoint, in the order of the calls. Throws the first refusal among them. */
  async batch<const Calls extends readonly RpcCall<unknown>[]>(
    calls: Calls,
    signal?: AbortSignal,
  ): Promise<RpcAnswers<Calls>> {
    const settled = await this.settle(calls, signal);
    return settled.map((one) => {
      if ("error" in one) throw one.error;
      return one.value;
    }) as RpcAnswers<Calls>;
  }

  /** As `batch`, with refusals in their places. */
  async settle<T>(calls: readonly RpcCall<T>[], signal?: AbortSignal): Promise<readonly RpcSettled<T>[]> {
    const settled: RpcSettled<T>[] = [];
    for (let start = 0; start < calls.length; start += MAX_BATCH) {
      const { answers } = await this.#send(calls.slice(start, start + MAX_BATCH), signal);
      settled.push(...answers);
    }
    return settled;
  }

  /**
   * The newest block. Comes from an endpoint that is neither far behind the highest block ever seen here, nor standing
   * still while another goes on.
   */
  async head(signal?: AbortSignal): Promise<Head> {
    const { answers, state } = await this.#send([this.#freshHead()], signal);
    const head = this.#valueOf(answers[0]);
    const stoodStill = this.#noteHead(state, head);
    const ahead = stoodStill ? await this.#headFromAnother(state, head, signal) : undefined;
    const best = ahead ?? head;
    if (best.number > this.#highest) this.#highest = best.number;
    return best;
  }

  #freshHead(): RpcCall<Head> {
    const call = latestBlock();
    return {
      ...call,
      parse: (result) => {
        const head = call.parse(result);
        if (head.number + MAX_LAG < this.#highest) {
          const reason = `its newest block is ${head.number}, behind ${this.#highest}`;
          throw new RivuletError("peer.protocol", { reason });
        }
        return head;
      },
    };
  }

  #valueOf<T>(settled: RpcSettled<T> | undefined): T {
    if (settled === undefined) throw new RivuletError("internal", { reason: "a call without an answer" });
    if ("error" in settled) throw settled.error;
    return settled.value;
  }

  /** Remembers since when an endpoint's head is what it is; tells whether that is suspiciously long. */
  #noteHead(state: EndpointState, { number }: Head): boolean {
    const now = this.#ports.clock.monotonic();
    if (state.head?.number !== number) state.head = { number, since: now };
    const { staleAfter } = this.#options;
    return staleAfter !== undefined && this.#states.length > 1 && now - state.head.since >= staleAfter;
  }

  /** A later head that another endpoint has. The one that stood still then rests; when there is none, the chain stands still. */
  async #headFromAnother(state: EndpointState, head: Head, signal: AbortSignal | undefined): Promise<Head | undefined> {
    const now = this.#ports.clock.monotonic();
    for (const other of this.#states) {
      if (other === state || other.restsUntil > now) continue;
      try {
        const theirs = this.#valueOf((await this.#ask(other, [latestBlock()], signal))[0]);
        if (theirs.number <= head.number) continue;
        this.#noteHead(other, theirs);
        const problem = new EndpointFailure(
          `its newest block is still ${head.number}, that of another ${theirs.number}`,
        );
        this.#rest(state, problem, REST_LONGEST);
        return theirs;
      } catch (error) {
        if (!(error instanceof EndpointFailure)) throw error;
        this.#rest(other, error);
      }
    }
    state.head = { number: head.number, since: now };
    return undefined;
  }

  async #send<T>(
    calls: readonly RpcCall<T>[],
    signal: AbortSignal | undefined,
  ): Promise<{ readonly answers: readonly RpcSettled<T>[]; readonly state: EndpointState }> {
    for (let attempt = 1; ; attempt++) {
      for (const state of this.#candidates()) {
        signal?.throwIfAborted();
        try {
          const answers = await this.#ask(state, calls, signal);
          this.#isWell(state);
          return { answers, state };
        } catch (error) {
          if (!(error instanceof EndpointFailure)) throw error;
          this.#rest(state, error);
        }
      }
      if (attempt >= this.#options.tries) throw this.#unavailable();
      await this.#ports.clock.sleep(ms(BACKOFF * 2 ** (attempt - 1)), signal);
    }
  }

  /** Those that are not resting, in their order; when all are, the one that has rested longest comes first. */
  #candidates(): readonly EndpointState[] {
    const now = this.#ports.clock.monotonic();
    const rested = this.#states.filter(({ restsUntil }) => restsUntil <= now);
    return rested.length > 0 ? rested : [...this.#states].sort((a, b) => a.restsUntil - b.restsUntil);
  }

  async #ask<T>(
    state: EndpointState,
    calls: readonly RpcCall<T>[],
    signal: AbortSignal | undefined,
  ): Promise<readonly RpcSettled<T>[]> {
    if (!state.isChecked) await this.#checkChain(state, signal);
    const outcomes = await state.endpoint.send(calls, signal);
    return calls.map((call, index) => settledOf(call, outcomes[index]));
  }

  async #checkChain(state: EndpointState, signal: AbortSignal | undefined): Promise<void> {
    const call = rpcCall("eth_chainId", [], quantity);
    const [outcome] = await state.endpoint.send([call], signal);
    const actual = Number(this.#valueOf(settledOf(call, outcome)));
    if (actual !== this.#options.chainId) throw new WrongChain(actual, this.#options.chainId);
    state.isChecked = true;
  }

  #isWell(state: EndpointState): void {
    if (state.problem !== undefined) this.#ports.log.info("chain endpoint is back", { endpoint: state.endpoint.name });
    state.failures = 0;
    state.restsUntil = 0;
    state.problem = undefined;
  }

  #rest(state: EndpointState, problem: EndpointFailure, least: Milliseconds = REST_FIRST): void {
    const duration = Math.min(REST_LONGEST, Math.max(least, REST_FIRST * 2 ** state.failures));
    state.failures++;
    state.isChecked = false;
    state.restsUntil = this.#ports.clock.monotonic() + duration;
    // Said when it changes, not at each of the calls that come by.
    if (state.problem?.message !== problem.message) {
      this.#ports.log.warn("chain endpoint passed over", { endpoint: state.endpoint.name, reason: problem.message });
    }
    state.problem = problem;
  }

  #unavailable(): RivuletError {
    const { chainId } = this.#options;
    const reasons = this.#states.map(({ endpoint, problem }) => `${endpoint.name}: ${problem?.message ?? "no answer"}`);
    const reason = `${reasons.join("; ")}. Check the addresses of the chain's endpoints and this machine's network`;
    const wrong = this.#states.map(({ problem }) => problem).filter((problem) => problem instanceof WrongChain);
    return wrong[0] !== undefined && wrong.length === this.#states.length
      ? new RivuletError("chain.wrong-network", { expected: chainId, actual: wrong[0].actual, reason })
      : new RivuletError("chain.unavailable", { reason });
  }
}

class WrongChain extends EndpointFailure {
  readonly actual: number;

  constructor(actual: number, expected: number) {
    super(`it serves chain ${actual} instead of ${expected}`);
    this.actual = actual;
  }
}

function settledOf<T>(call: RpcCall<T>, outcome: RpcOutcome | undefined): RpcSettled<T> {
  if (outcome === undefined) throw new EndpointFailure("an answer is missing");
  if (outcome.kind === "refused") return { error: outcome.error };
  try {
    return { value: readAnswer(call, outcome.result) };
  } catch (error) {
    throw isError(error, "peer.protocol") ? new EndpointFailure(error.facts.reason) : error;
  }
}
