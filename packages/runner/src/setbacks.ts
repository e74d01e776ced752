import { type Clock, type Milliseconds, ms, type RivuletError, seconds } from "@rivulet/primitives";

/** A load that failed, or a host that ended at work. Only a success of the same kind takes it back. */
type Kind = "load" | "run";

interface Setback {
  readonly kind: Kind;
  readonly error: RivuletError;
  readonly inARow: number;
  readonly retryAt: Milliseconds;
}

/** The first pause before a model that failed is tried again; each further failure doubles it up to the second. */
const PAUSE_FIRST = seconds(1);
const PAUSE_LONGEST = seconds(60);

/** What went wrong with a model last, and the pause that it costs: failures in a row make it grow. */
export class Setbacks {
  readonly #clock: Clock;
  #last: Setback | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What went wrong last, until it works again. */
  get error(): RivuletError | undefined {
    return this.#last?.error;
  }

  /** Whether it is so recent that nothing is tried yet. */
  get isPausing(): boolean {
    return this.#last !== undefined && this.#clock.monotonic() < this.#last.retryAt;
  }

  /** Notes a failure. Returns the pause; there is none after a first crash. */
  note(kind: Kind, error: RivuletError): Milliseconds {
    const inARow = (this.#last?.inARow ?? 0) + 1;
    const grown = ms(Math.min(PAUSE_FIRST * 2 ** (inARow - 1), PAUSE_LONGEST));
    const pause = kind === "run" && inARow === 1 ? ms(0) : grown;
    this.#last = { kind, error, inARow, retryAt: ms(this.#clock.monotonic() + pause) };
    return pause;
  }

  /** Notes a success. */
  recover(kind: Kind): void {
    if (this.#last?.kind === kind) this.forget();
  }

  /** Begins to count anew. */
  forget(): void {
    this.#last = undefined;
  }
}
