import type { NonceState } from "./ports.ts";

/** Of one set of parameters; the number the network agrees on. Source: payments 5.2. */
export const MAX_NONCES = 600;
const MAX_NONCE = 2 ** 32 - 1;

/** An unbroken run of nonces, both ends included. */
interface Run {
  readonly first: number;
  readonly last: number;
}

/**
 * Which nonces of one set of parameters were taken. They may come in any order and with gaps, as those of requests that run
 * at the same time do; what is kept is runs, of which there is mostly one.
 */
export class NonceWindow {
  /** In order, with a gap of at least one between any two. */
  readonly #runs: Run[];
  #count: number;

  private constructor(runs: Run[]) {
    this.#runs = runs;
    this.#count = runs.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  }

  static empty(): NonceWindow {
    return new NonceWindow([]);
  }

  /** Reads what `toString` writes. Throws `RangeError` for anything else. */
  static parse(text: string): NonceWindow {
    const runs = text === "" ? [] : text.split(",").map(run);
    runs.forEach(({ first, last }, index) => {
      const before = runs[index - 1]?.last ?? -2;
      if (first <= before + 1 || last < first || last > MAX_NONCE) throw new RangeError(`not runs of nonces: ${text}`);
    });
    const window = new NonceWindow(runs);
    if (window.count > MAX_NONCES) throw new RangeError(`more than ${MAX_NONCES} nonces`);
    return window;
  }

  get count(): number {
    return this.#count;
  }

  /** Takes a nonce, once. Throws `RangeError` for a number that does not have 32 bits. */
  take(nonce: number): Exclude<NonceState, "forgotten"> {
    if (!Number.isInteger(nonce) || nonce < 0 || nonce > MAX_NONCE) throw new RangeError(`not a nonce: ${nonce}`);
    const at = this.#indexAfter(nonce);
    const before = this.#runs[at - 1];
    const after = this.#runs[at];
    if (before !== undefined && nonce <= before.last) return "seen";
    if (this.#count >= MAX_NONCES) return "too-many";
    const joinsBefore = before?.last === nonce - 1;
    const joinsAfter = after?.first === nonce + 1;
    this.#runs.splice(at - (joinsBefore ? 1 : 0), (joinsBefore ? 1 : 0) + (joinsAfter ? 1 : 0), {
      first: joinsBefore ? before.first : nonce,
      last: joinsAfter ? after.last : nonce,
    });
    this.#count += 1;
    return "fresh";
  }

  /** Its runs, such as `1-40,42`: for a store. */
  toString(): string {
    return this.#runs.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
  }

  /** The place of the first run that begins after `nonce`. */
  #indexAfter(nonce: number): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#runs[middle]?.first ?? 0) > nonce) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function run(text: string): Run {
  const [, first, last] = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(text) ?? [];
  if (first === undefined) throw new RangeError(`not a run of nonces: ${text}`);
  return { first: Number(first), last: Number(last ?? first) };
}
