import type { Milliseconds } from "@rivulet/primitives";
import type { Offer, OrchestratorSession } from "../orchestrator-session.ts";
import type { Candidate } from "./candidate.ts";
import type { Draw } from "./draw.ts";
import type { JobFigures } from "./job-averages.ts";
import type { Chosen, Why } from "./pool.ts";

/** What is done with the slot when the attempt has ended. */
export interface Endings {
  readonly succeeded: (figures: JobFigures) => void;
  readonly failed: (error: unknown) => void;
  readonly giveBack: () => void;
}

/** A chosen orchestrator with one of its slots. Dispose it, once, when the attempt has ended. */
export class Choice implements Disposable {
  readonly isWarm: boolean;
  readonly why: Why;
  /** How it was drawn; absent when nothing was. */
  readonly draw: Draw | undefined;
  /** How long the job waited for this slot. */
  readonly waited: Milliseconds;
  readonly #candidate: Candidate;
  #endings: Endings | undefined;

  constructor(chosen: Chosen, waited: Milliseconds, endings: Endings) {
    this.#candidate = chosen.candidate;
    this.isWarm = chosen.candidate.isWarm;
    this.why = chosen.why;
    this.draw = chosen.draw;
    this.waited = waited;
    this.#endings = endings;
  }

  /** Its newest session: a refresh shows here. */
  get session(): OrchestratorSession {
    return this.#candidate.session;
  }

  /** Of the newest session. */
  get offer(): Offer {
    return this.#candidate.offer;
  }

  succeeded(figures: JobFigures): void {
    this.#endings?.succeeded(figures);
  }

  /** Says how the attempt failed. Only what is the peer's fault costs it anything. */
  failed(error: unknown): void {
    this.#endings?.failed(error);
  }

  [Symbol.dispose](): void {
    const endings = this.#endings;
    this.#endings = undefined;
    endings?.giveBack();
  }
}
