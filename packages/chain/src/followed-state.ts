import type { Address } from "@rivulet/crypto";
import { isError, type Logger, RivuletError } from "@rivulet/primitives";

export interface FollowedStateOptions<V> {
  /** The most accounts that are remembered; the one that was asked for longest ago is forgotten first. */
  readonly capacity: number;
  /** The most accounts that are read between two refreshes because somebody asked who never did before. */
  readonly strangers?: number;
  /** Reads an account's state at the newest block that is known. */
  readonly read: (account: Address) => Promise<V>;
  readonly log: Logger;
}

interface Entry<V> {
  /** Counts what may have changed the state. A value read before the last of it is out of date. */
  version: number;
  /** The last good answer, and the version it was read at. */
  good: { readonly of: V; readonly version: number } | undefined;
  reading: { readonly answer: Promise<V>; readonly version: number } | undefined;
}

/**
 * What the chain says of accounts, kept while no event touches it.
 *
 * Events are not added up: they say that a state must be read again. So nothing is counted twice after a reorganisation or
 * a gap, and what is known here is what the contract answers.
 */
export class FollowedState<V> {
  readonly #options: FollowedStateOptions<V>;
  readonly #entries = new Map<Address, Entry<V>>();
  #touched = new Set<Address>();
  #strangersRead = 0;

  constructor(options: FollowedStateOptions<V>) {
    this.#options = options;
  }

  /**
   * The state of an account. While the chain does not answer, the last good one, if there ever was one; else throws
   * "chain.unavailable". Throws "node.overloaded" when too many are asked about that nobody knows: whoever makes up
   * accounts cannot use up what endpoints grant, nor have those forgotten that are known.
   */
  async get(account: Address, signal?: AbortSignal): Promise<V> {
    const { strangers = Number.POSITIVE_INFINITY } = this.#options;
    if (!this.#entries.has(account) && ++this.#strangersRead > strangers) throw new RivuletError("node.overloaded", {});
    const entry = this.#entryOf(account);
    if (entry.good?.version === entry.version) return entry.good.of;
    try {
      return await unlessAborted(this.#read(account, entry), signal);
    } catch (error) {
      if (entry.good === undefined || !isError(error, "chain.unavailable")) throw error;
      this.#options.log.debug("last known state used", { account });
      return entry.good.of;
    }
  }

  /** Notes that an account's state may have changed. */
  touch(account: Address): void {
    const entry = this.#entries.get(account);
    if (entry === undefined) return;
    entry.version++;
    this.#touched.add(account);
  }

  /** Notes that everybody's may have. Each is read again when it is asked for. */
  touchAll(): void {
    for (const entry of this.#entries.values()) entry.version++;
    this.#touched.clear();
  }

  /** Reads what was touched, and tells whose it was. Throws when the chain does not answer; nothing is forgotten then. */
  async refresh(): Promise<readonly Address[]> {
    this.#strangersRead = 0;
    const touched = [...this.#touched];
    await Promise.all(
      touched.map(async (account) => {
        const entry = this.#entries.get(account);
        if (entry !== undefined) await this.#read(account, entry);
        if (entry?.good?.version === entry?.version) this.#touched.delete(account);
      }),
    );
    return touched;
  }

  /** Reads a state. Whoever asks while it is being read shares the answer, unless something happened in between. */
  #read(account: Address, entry: Entry<V>): Promise<V> {
    const { version, reading } = entry;
    if (reading?.version === version) return reading.answer;
    const answer = this.#options.read(account).then(
      (of) => {
        if (entry.good === undefined || entry.good.version <= version) entry.good = { of, version };
        if (entry.reading?.answer === answer) entry.reading = undefined;
        return of;
      },
      (error: unknown) => {
        if (entry.reading?.answer === answer) entry.reading = undefined;
        throw error;
      },
    );
    entry.reading = { answer, version };
    return answer;
  }

  #entryOf(account: Address): Entry<V> {
    const known = this.#entries.get(account);
    if (known !== undefined) this.#entries.delete(account);
    const entry = known ?? { version: 0, good: undefined, reading: undefined };
    this.#entries.set(account, entry);
    if (this.#entries.size > this.#options.capacity) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    return entry;
  }
}

/** What `promise` comes to, or the reason of `signal` when that is first. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
    promise.catch(() => {});
  }
}
