import { type Clock, type Milliseconds, ms } from "@rivulet/primitives";

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

/** A clock that stands still until a test moves it. Sleepers wake in the order of their times. */
export class TestClock implements Clock {
  #now: number;
  #sleepers: Sleeper[] = [];

  constructor(start: Milliseconds = ms(1_700_000_000_000)) {
    this.#now = start;
  }

  now(): Milliseconds {
    return ms(this.#now);
  }

  monotonic(): Milliseconds {
    return ms(this.#now);
  }

  /** How many sleeps and alarms are under way: a test waits for the code to be asleep before it moves time. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  /** How long each of them still takes. */
  get waits(): readonly Milliseconds[] {
    return this.#sleepers.map(({ until }) => ms(until - this.#now));
  }

  sleep(duration: Milliseconds, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const alarm = this.alarm(duration, () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
      const onAbort = () => {
        alarm[Symbol.dispose]();
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  alarm(duration: Milliseconds, wake: () => void): Disposable {
    const sleeper: Sleeper = { until: this.#now + duration, wake };
    this.#sleepers.push(sleeper);
    return {
      [Symbol.dispose]: () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
      },
    };
  }

  /** Moves time forward, waking everyone whose time comes, with a turn of the event loop after each. */
  async advance(duration: Milliseconds): Promise<void> {
    const target = this.#now + duration;
    for (;;) {
      const next = this.#sleepers.filter((s) => s.until <= target).sort((a, b) => a.until - b.until)[0];
      if (next === undefined) break;
      this.#now = Math.max(this.#now, next.until);
      this.#sleepers = this.#sleepers.filter((other) => other !== next);
      next.wake();
      await turn();
    }
    this.#now = target;
    await turn();
  }
}

/** Lets everything that is ready to run, run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
