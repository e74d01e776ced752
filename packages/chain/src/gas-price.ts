import type { GasPrice } from "@rivulet/payments";
import { type Clock, minutes, type Wei, wei } from "@rivulet/primitives";
import { max, min } from "./bigints.ts";
import type { Follower } from "./block-watcher.ts";
import type { Head, LogFilter } from "./rpc/blocks.ts";
import { quantity, rpcCall } from "./rpc/call.ts";
import type { Endpoints } from "./rpc/endpoints.ts";

export interface GasPriceOptions {
  /** Wei for a unit of gas. Answers below it are taken for errors of an endpoint and ignored. */
  readonly minimum: bigint;
  /** The smoothed price is told as at most this. */
  readonly maximum?: bigint | undefined;
}

export interface GasPricePorts {
  readonly endpoints: Endpoints;
  readonly clock: Clock;
}

interface Sample {
  readonly price: bigint;
  readonly at: number;
}

/**
 * Prices follow a change of gas that lasts for half of this, and nothing shorter: a spike of two minutes lifts none, and
 * one that stays is in all of them before a set of ticket parameters, eight minutes, has expired.
 */
const WINDOW = minutes(5);
/** A price a second, however often blocks are asked for. */
const MAX_SAMPLES = 300;
const SAMPLE_INTERVAL = WINDOW / MAX_SAMPLES;

/**
 * What gas costs: now, and smoothed as the median of the last five minutes, in which each price counts for as long as it
 * was the last one heard.
 *
 * Ticket parameters and prices use the smoothed one. Whether to send a transaction is decided by the price of now.
 */
export class GasPriceMonitor implements Follower {
  readonly filter: LogFilter = { addresses: [], topics: [] };
  readonly smoothed: GasPrice;
  readonly latest: GasPrice;
  readonly #options: GasPriceOptions;
  readonly #ports: GasPricePorts;
  #samples: Sample[] = [];
  #last: bigint;

  constructor(options: GasPriceOptions, ports: GasPricePorts) {
    this.#options = options;
    this.#ports = ports;
    this.#last = options.minimum;
    const smoothed = () => this.#smoothed();
    const latest = () => this.#latest();
    this.smoothed = {
      get current() {
        return smoothed();
      },
    };
    this.latest = {
      get current() {
        return latest();
      },
    };
  }

  note(): void {}

  async refresh(_head: Head, signal: AbortSignal): Promise<void> {
    const price = await this.#ports.endpoints.request(rpcCall("eth_gasPrice", [], quantity), signal);
    if (price < this.#options.minimum) return;
    this.#last = price;
    const at = this.#ports.clock.monotonic();
    const last = this.#samples.at(-1);
    if (last !== undefined && at - last.at < SAMPLE_INTERVAL) return;
    this.#samples.push({ price, at });
    // The one before the window says what the price was when it began.
    while (this.#samples.length > 1 && (this.#samples[1]?.at ?? at) <= at - WINDOW) this.#samples.shift();
  }

  #latest(): Wei {
    return wei(this.#last);
  }

  #smoothed(): Wei {
    const { minimum, maximum } = this.#options;
    const price = max(minimum, this.#median(this.#ports.clock.monotonic()));
    return wei(maximum === undefined ? price : min(price, maximum));
  }

  /** The price below which gas was for half of the time. */
  #median(now: number): bigint {
    const begin = now - WINDOW;
    const spans = this.#samples.map(({ price, at }, index) => {
      const until = this.#samples[index + 1]?.at ?? now;
      return { price, duration: Math.max(0, until - Math.max(at, begin)) };
    });
    spans.sort((a, b) => (a.price < b.price ? -1 : a.price > b.price ? 1 : 0));
    const half = spans.reduce((sum, { duration }) => sum + duration, 0) / 2;
    let passed = 0;
    for (const { price, duration } of spans) {
      passed += duration;
      if (passed > half || (half === 0 && duration === 0)) return price;
    }
    return this.#last;
  }
}
