import { type FeedPrice, feedPair, feedPrice, type PriceFeed } from "@rivulet/payments";
import {
  type Clock,
  codeOf,
  type Logger,
  type Milliseconds,
  minutes,
  ms,
  Rational,
  RivuletError,
  type Startable,
  seconds,
} from "@rivulet/primitives";
import type { aggregatorAbi } from "./contracts/abi.ts";
import type { Contract } from "./contracts/call.ts";
import { Listeners } from "./listeners.ts";
import { latestBlock } from "./rpc/blocks.ts";
import type { Endpoints } from "./rpc/endpoints.ts";

export interface FollowedPriceFeedOptions {
  readonly pollInterval?: Milliseconds;
  /** An answer older than this, by the chain's own time, is not used. */
  readonly maxAge?: Milliseconds;
}

export interface FollowedPriceFeedPorts {
  readonly feed: Contract<typeof aggregatorAbi>;
  readonly endpoints: Endpoints;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Description {
  readonly base: string;
  readonly quote: string;
  readonly decimals: number;
}

const POLL_INTERVAL = minutes(60);
/** Feeds speak when the price moves, and once a day when it does not. */
const MAX_AGE = minutes(25 * 60);
/** After a failure, twice as long each time. */
const RETRY_FIRST = seconds(30);
/** A price that moved by more than half between two answers is asked for once more before it is believed. */
const MAX_MOVE = Rational.of(1n, 2n);
const CONFIRM_AFTER = minutes(1);

/**
 * A Chainlink feed. An answer that is not above zero, too old, or far from the last one and not confirmed by a second is not
 * used; the last good price stays.
 *
 * `start` resolves after the first answer, whatever it was: without a price those who need one say so.
 */
export class FollowedPriceFeed implements PriceFeed, Startable {
  readonly #options: Required<FollowedPriceFeedOptions>;
  readonly #ports: FollowedPriceFeedPorts;
  readonly #listeners = new Listeners<[]>();
  readonly #stopped = new AbortController();
  #description: Description | undefined;
  #current: FeedPrice | undefined;
  #doubted: FeedPrice | undefined;
  #loop: Promise<void> = Promise.resolve();

  constructor(options: FollowedPriceFeedOptions, ports: FollowedPriceFeedPorts) {
    this.#options = { pollInterval: options.pollInterval ?? POLL_INTERVAL, maxAge: options.maxAge ?? MAX_AGE };
    this.#ports = ports;
  }

  get current(): FeedPrice | undefined {
    return this.#current;
  }

  onChanged(listener: () => void): Disposable {
    return this.#listeners.add(listener);
  }

  async start(): Promise<void> {
    const wait = await this.#pollAndPlan(0);
    this.#loop = this.#follow(wait);
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new Error("the price feed stopped"));
    await this.#loop;
  }

  /** Asks now. Throws "chain.price-unusable" for an answer that is not used, and what the chain does. */
  async poll(): Promise<void> {
    const { feed, endpoints } = this.#ports;
    const { signal } = this.#stopped;
    this.#description ??= await this.#describe(signal);
    const { decimals, base, quote } = this.#description;
    const [[, answer, , updatedAt], head] = await endpoints.batch(
      [feed.read("latestRoundData", []), latestBlock()],
      signal,
    );
    const told = seconds(Number(updatedAt));
    // The chain's time, not ours: a clock that is wrong must not make a good price look old.
    const age = head.timestamp - told;
    if (age > this.#options.maxAge) throw unusable(`it is ${Math.round(age / minutes(60))} hours old`);
    if (this.#current !== undefined && told <= this.#current.updatedAt) return;
    this.#accept({ base, quote, price: feedPrice(answer, decimals), updatedAt: told });
  }

  #accept(next: FeedPrice): void {
    const doubted = this.#doubted;
    this.#doubted = undefined;
    const isConfirmed = doubted !== undefined && isNear(doubted.price, next.price);
    if (this.#current !== undefined && !isNear(this.#current.price, next.price) && !isConfirmed) {
      this.#doubted = next;
      throw unusable(`it moved from ${this.#current.price} to ${next.price}, which has to be confirmed`);
    }
    this.#current = next;
    this.#listeners.tell();
  }

  async #describe(signal: AbortSignal): Promise<Description> {
    const { feed, endpoints } = this.#ports;
    const calls = [feed.read("description", []), feed.read("decimals", [])] as const;
    const [description, decimals] = await endpoints.batch(calls, signal);
    return { ...feedPair(description), decimals };
  }

  async #follow(firstWait: Milliseconds): Promise<void> {
    const { clock } = this.#ports;
    const { signal } = this.#stopped;
    let wait = firstWait;
    let failures = 0;
    while (!signal.aborted) {
      await clock.sleep(wait, signal).catch(() => {});
      if (signal.aborted) return;
      wait = await this.#pollAndPlan(failures);
      failures = wait === this.#options.pollInterval ? 0 : failures + 1;
    }
  }

  /** Asks, and tells when to ask next. */
  async #pollAndPlan(failures: number): Promise<Milliseconds> {
    try {
      await this.poll();
      return this.#options.pollInterval;
    } catch (error) {
      if (this.#stopped.signal.aborted) return this.#options.pollInterval;
      const reason = error instanceof Error ? error.message : String(error);
      this.#ports.log.warn("price feed not used", { code: codeOf(error), reason });
      if (this.#doubted !== undefined) return CONFIRM_AFTER;
      return ms(Math.min(RETRY_FIRST * 2 ** failures, this.#options.pollInterval));
    }
  }
}

/** Whether two prices differ by at most `MAX_MOVE` of the first. */
function isNear(before: Rational, after: Rational): boolean {
  const difference = after.plus(before.times(-1n));
  const size = difference.compare(Rational.ZERO) < 0 ? difference.times(-1n) : difference;
  return size.compare(before.times(MAX_MOVE)) <= 0;
}

function unusable(reason: string): RivuletError<"chain.price-unusable"> {
  return new RivuletError("chain.price-unusable", { reason });
}
