import { type Clock, type Milliseconds, ms } from "@rivulet/primitives";

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

/**
 * A clock that jumps: whoever sleeps wakes once, however far it goes. Weeks pass at the cost of their events, and not of
 * their minutes.
 */
export class JumpingClock implements Clock {
  #now = 1_700_000_000_000;
  readonly #sleepers = new Set<Sleeper>();

  now(): Milliseconds {
    return ms(this.#now);
  }

  monotonic(): Milliseconds {
    return ms(this.#now);
  }

  sleep(duration: Milliseconds, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        until: this.#now + duration,
        wake: () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  alarm(): never {
    throw new Error("nobody sets an alarm");
  }

  advance(duration: Milliseconds): void {
    this.#now += duration;
    for (const sleeper of [...this.#sleepers]) {
      if (sleeper.until > this.#now) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
  }
}
