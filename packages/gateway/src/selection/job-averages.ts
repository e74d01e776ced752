import { type Milliseconds, ms, seconds } from "@rivulet/primitives";

/** Sums up how a job ended, for whoever selected its orchestrator. */
export interface JobFigures {
  /** The pipeline's latency score. */
  readonly score: number;
  /** Absent for a stream: it has only begun, and says nothing of how long jobs take. */
  readonly took: Milliseconds | undefined;
  /** Time the orchestrator spent bringing the model into memory; 0 when it was warm. */
  readonly load: Milliseconds;
}

/** Until jobs and loads have been seen, these stand for them. Waiting is cheaper than loading. */
const ASSUMED_JOB = seconds(3);
const ASSUMED_LOAD = seconds(20);
/** The weight of the newest figure in the averages. */
const NEWEST = 0.3;

/** How long jobs of one model take, and how well they went. */
export class JobAverages {
  #job: Milliseconds = ASSUMED_JOB;
  #load: Milliseconds = ASSUMED_LOAD;
  #score: number | undefined;

  /** Of working alone, loading left out. */
  get job(): Milliseconds {
    return this.#job;
  }

  get load(): Milliseconds {
    return this.#load;
  }

  /** Of all orchestrators, once a job has ended. */
  get score(): number | undefined {
    return this.#score;
  }

  note({ score, took, load }: JobFigures): void {
    if (load > 0) this.#load = ms(average(this.#load, load));
    if (took === undefined) return;
    const working = Math.max(0, took - load);
    this.#job = ms(this.#score === undefined ? working : average(this.#job, working));
    this.#score = this.#score === undefined ? score : average(this.#score, score);
  }
}

function average(before: number, sample: number): number {
  return NEWEST * sample + (1 - NEWEST) * before;
}
