import { type Clock, type Milliseconds, ms } from "@rivulet/primitives";

/** Pieces of text are told together when they come faster. */
const INTERVAL: Milliseconds = ms(20);

/** A text that is told as it comes: the first of it at once, and no more often than somebody could read it. */
export class Pieces {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #tell: (piece: string) => void;
  #told: Milliseconds | undefined;
  #held = "";
  /** All that came. */
  all = "";

  constructor(clock: Pick<Clock, "monotonic">, tell: (piece: string) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  add(text: string): void {
    this.all += text;
    this.#held += text;
    const now = this.#clock.monotonic();
    if (this.#told === undefined || now - this.#told >= INTERVAL) this.#tellHeld(now);
  }

  /** The last of it. */
  end(text: string): void {
    this.all += text;
    this.#held += text;
    this.#tellHeld(this.#clock.monotonic());
  }

  #tellHeld(now: Milliseconds): void {
    if (this.#held === "") return;
    this.#tell(this.#held);
    this.#held = "";
    this.#told = now;
  }
}
