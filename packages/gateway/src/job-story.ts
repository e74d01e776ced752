import {
  type Clock,
  codeOf,
  type ErrorCode,
  type Milliseconds,
  ms,
  type ServiceUri,
  type Work,
} from "@rivulet/primitives";
import type { Answer } from "./attempt.ts";
import type { JobPayment } from "./paying/payer.ts";
import type { PreparedJob } from "./prepared-job.ts";
import type { Choice } from "./selection/choice.ts";
import type { Considered } from "./selection/considered.ts";
import type { Draw } from "./selection/draw.ts";
import type { Why } from "./selection/pool.ts";

/** The story of one job: who was there, who was chosen and why, how each attempt went. */
export interface JobRecord {
  readonly requestId: string;
  readonly pipeline: string;
  readonly model: string;
  readonly work: Work;
  /** How the orchestrators stood when the job came. */
  readonly considered: readonly Considered[];
  readonly attempts: readonly AttemptRecord[];
  readonly outcome: "answered" | ErrorCode;
  readonly timings: JobTimings;
  /** What the answer cost, or may cost at most while it is a stream; absent where nobody paid. */
  readonly payment?: JobPayment;
}

export interface AttemptRecord {
  readonly orchestrator: ServiceUri;
  readonly isWarm: boolean;
  readonly why: Why;
  readonly waited: Milliseconds;
  readonly took: Milliseconds;
  readonly outcome: "answered" | ErrorCode;
  /** How it was drawn; absent when nothing was. */
  readonly draw?: DrawRecord;
}

/** A choice by lot: the number that was drawn, and each operator's part of the unit interval in the order of the parts. */
export interface DrawRecord {
  readonly drawn: number;
  readonly chances: readonly { readonly operator: string; readonly chance: number }[];
}

/** Where the time of a job went. */
export interface JobTimings {
  /** Choosing orchestrators, waiting left out. */
  readonly selection: Milliseconds;
  /** Waiting for slots, here and at the orchestrator. */
  readonly queue: Milliseconds;
  /** Bringing the model into memory; 0 when it was warm. */
  readonly load: Milliseconds;
  readonly inference: Milliseconds;
  /** Everything else between the orchestrator and us: the network, fetching and checking results. */
  readonly transfer: Milliseconds;
}

/** Writes down what happens to a job. */
export class Story {
  readonly #job: PreparedJob;
  readonly #clock: Clock;
  readonly #considered: readonly Considered[];
  readonly #attempts: AttemptRecord[] = [];
  readonly #began: Milliseconds;
  #waited = 0;
  #busy = 0;
  #timings: JobTimings | undefined;
  #payment: JobPayment | undefined;

  constructor(job: PreparedJob, clock: Clock, considered: readonly Considered[]) {
    this.#job = job;
    this.#clock = clock;
    this.#considered = considered;
    this.#began = clock.monotonic();
  }

  get waited(): Milliseconds {
    return ms(this.#waited);
  }

  get lastTook(): Milliseconds {
    return this.#attempts.at(-1)?.took ?? ms(0);
  }

  get elapsed(): Milliseconds {
    return ms(this.#clock.monotonic() - this.#began);
  }

  chose(choice: Choice): Choice {
    this.#waited += choice.waited;
    return choice;
  }

  began(choice: Choice) {
    const began = this.#clock.monotonic();
    const note = (outcome: AttemptRecord["outcome"]) => {
      const took = ms(this.#clock.monotonic() - began);
      this.#busy += took;
      const { isWarm, why, waited, draw } = choice;
      const orchestrator = choice.session.serviceUri;
      this.#attempts.push({ orchestrator, isWarm, why, waited, took, outcome, ...(draw && { draw: recordOf(draw) }) });
    };
    return {
      failed: (error: unknown) => note(codeOf(error)),
      answered: ({ took, timings, payment }: Answer): JobTimings => {
        this.#payment = payment;
        const selection = ms(Math.max(0, began - this.#began - this.#waited - this.#busy));
        note("answered");
        const spent = timings.queue + timings.load + timings.inference;
        this.#timings = {
          selection,
          queue: ms(this.#waited + timings.queue),
          load: timings.load,
          inference: timings.inference,
          transfer: ms(Math.max(0, took - spent)),
        };
        return this.#timings;
      },
    };
  }

  ended(outcome: JobRecord["outcome"]): JobRecord {
    const { id, pipeline, model, work } = this.#job;
    const none = { load: ms(0), inference: ms(0), transfer: ms(0) };
    const selection = ms(Math.max(0, this.elapsed - this.#waited - this.#busy));
    return {
      requestId: id,
      pipeline: pipeline.name,
      model,
      work,
      considered: this.#considered,
      attempts: this.#attempts,
      outcome,
      timings: this.#timings ?? { selection, queue: this.waited, ...none },
      ...(this.#payment && { payment: this.#payment }),
    };
  }
}

function recordOf({ drawn, chances }: Draw): DrawRecord {
  return { drawn, chances: chances.map(([{ address }, chance]) => ({ operator: address, chance })) };
}
