import type { Rounds } from "@rivulet/payments";
import type { Startable } from "@rivulet/primitives";

/** What is to be done now, begun; or nothing. Fails never: it tells its own troubles. */
export type Look = (signal: AbortSignal) => Promise<void> | undefined;

/** Looks at the start and with every block whether there is something to do, and does one thing at a time. */
export class BlockWatch implements Startable {
  readonly #rounds: Rounds;
  readonly #who: string;
  readonly #look: Look;
  readonly #stopped = new AbortController();
  #blocks: Disposable | undefined;
  #turn: Promise<void> | undefined;

  /** `who` is named as the reason when what it does is aborted. */
  constructor(rounds: Rounds, who: string, look: Look) {
    this.#rounds = rounds;
    this.#who = who;
    this.#look = look;
  }

  async start(): Promise<void> {
    this.#blocks = this.#rounds.onBlock(() => this.#next());
    this.#next();
  }

  /** Aborts what is being done and waits for its end. */
  async stop(): Promise<void> {
    this.#blocks?.[Symbol.dispose]();
    this.#stopped.abort(new Error(`${this.#who} stopped`));
    await this.#turn;
  }

  #next(): void {
    if (this.#turn !== undefined) return;
    this.#turn = this.#look(this.#stopped.signal)?.finally(() => {
      this.#turn = undefined;
    });
  }
}
