import {
  type Clock,
  clockDeadline,
  codeOf,
  type ErrorCode,
  isError,
  type Logger,
  type Milliseconds,
  ms,
  retryOf,
  type ServiceUri,
} from "@rivulet/primitives";
import type { Answer } from "./attempt.ts";
import { type Hedging, hedged } from "./hedging.ts";
import { HeldSlot } from "./held-slot.ts";
import { type JobRecord, type JobTimings, Story } from "./job-story.ts";
import type { OrchestratorSession } from "./orchestrator-session.ts";
import type { Peer } from "./paying/payer.ts";
import { type PreparedJob, timeAt } from "./prepared-job.ts";
import type { Choice } from "./selection/choice.ts";
import type { Selector } from "./selection/selector.ts";

export interface JobOptions {
  /** Attempts of one job, refusals of full orchestrators included. Source: nodes-and-operations 1.4. */
  readonly maxAttempts: number;
  /** How long one job waits for slots, all its waits together. */
  readonly patience: Milliseconds;
}

export interface JobPorts {
  readonly selector: Selector;
  /** One orchestrator, one try. */
  readonly attempt: (job: PreparedJob, peer: Peer, signal: AbortSignal) => Promise<Answer>;
  /** A new session in place of one whose token or ticket parameters were refused. */
  readonly refresh: (session: OrchestratorSession) => Promise<OrchestratorSession>;
  /** Throws what keeps us from paying anybody: asked when a job found nobody who takes our money. */
  readonly assertSolvent: (signal: AbortSignal) => Promise<void>;
  /** Absent: no second attempt is started while the first is under way. */
  readonly hedging?: Hedging | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** Gets the story of every job, once it has ended. */
  readonly onJob?: ((record: JobRecord) => void) | undefined;
}

/** A job that has been answered. A stream holds its slot and its connection until this is disposed. */
export interface AnsweredJob extends Disposable {
  readonly answer: Answer;
  readonly orchestrator: ServiceUri;
  readonly timings: JobTimings;
}

/** A token is refused at most this often in a row by one orchestrator before it counts as a failure of its own. */
const MAX_REFRESHES = 2;
/**
 * An orchestrator whose fresh parameters have expired as well sees an older chain than we do: after a jump of many blocks
 * nodes learn of it one after the other, within five seconds. With nobody else there it is asked again, at growing intervals
 * that are longer than that together: 0.5, 1, 2, 4 seconds.
 */
const MAX_REFRESHES_BEHIND = 5;
const FIRST_PAUSE_BEHIND = ms(500);
/**
 * A connection that broke before the answer began says little: a kept one may just have been closed, or the peer
 * restarted. With nobody else there the same peer is asked once more, if it opens a new session. Being done twice is no
 * harm: another peer would do the job a second time too, and its seed is drawn.
 */
const MAX_RECONNECTS = 1;
/** As long as there is somebody else, one attempt may use this share of what is left of the job's time. */
const SHARE_OF_ONE = 0.5;
/** Who had this share of a job's time when it ran out is taken to hang. */
const SHARE_THAT_BLAMES = 0.25;
/** A warm orchestrator that takes this many times the average for a job's size is given up, when there is somebody else. */
const TIMES_THE_AVERAGE = 10;
/** Averages of short jobs say little: an attempt is never given less. */
const LEAST_ATTEMPT = ms(10_000);

/** What orchestrators, or their absence, tell of an account that is empty. */
const OF_NO_MONEY: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "network.no-orchestrators",
  "network.all-busy",
  "model.not-offered",
  "payment.reserve-insufficient",
  "payment.refused",
]);

/**
 * Brings jobs to an answer: the one loop in which anything is tried again. What an error allows is read from its code.
 */
export class JobRunner {
  readonly #options: JobOptions;
  readonly #ports: JobPorts;

  constructor(options: JobOptions, ports: JobPorts) {
    this.#options = options;
    this.#ports = ports;
  }

  /** Answers a job or throws the error that the application shall see. Dispose the answer when it has been delivered. */
  async run(job: PreparedJob, signal: AbortSignal): Promise<AnsweredJob> {
    const { clock, selector, onJob } = this.#ports;
    const story = new Story(job, clock, onJob === undefined ? [] : selector.considered(demandOf(job), new Set()));
    using resources = new DisposableStack();
    const limit = resources.use(clockDeadline(clock, job.deadline, signal));
    try {
      const answered = await this.#loop(job, limit, story).catch((error) => this.#explain(error, limit));
      resources.use(answered);
      onJob?.(story.ended("answered"));
      const kept = resources.move();
      return { ...answered, [Symbol.dispose]: () => kept.dispose() };
    } catch (error) {
      onJob?.(story.ended(codeOf(error)));
      throw error;
    }
  }

  async #loop(job: PreparedJob, limit: AbortSignal, story: Story): Promise<AnsweredJob> {
    const { clock, refresh } = this.#ports;
    const tried = new Set<string>();
    let refreshes = 0;
    let last: unknown;
    using held = new HeldSlot();
    for (let attempt = 1; attempt <= this.#options.maxAttempts; attempt += 1) {
      const choice = held.choice ?? held.take(await this.#choose(job, tried, limit, story, last));
      const { session } = choice;
      try {
        return await this.#attempt({ job, choice, held, tried, signal: limit, story });
      } catch (error) {
        if (limit.aborted) {
          if (story.lastTook >= SHARE_THAT_BLAMES * job.deadline) choice.failed(limit.reason);
          throw limit.reason;
        }
        last = error;
        if (retryOf(error) === "never") throw error;
        const pause = this.#pauseBefore(refreshes + 1, error, { job, choice, tried });
        if (pause !== undefined) {
          refreshes += 1;
          try {
            if (pause > 0) await clock.sleep(pause, limit);
            await refresh(session);
            continue;
          } catch (failure) {
            last = failure;
          }
        }
        choice.failed(last);
        // An honest "full" does not rule an orchestrator out: it is only left alone for a moment.
        if (!isError(last, "capacity.exhausted")) tried.add(choice.session.uri);
        held.giveBack();
        refreshes = 0;
      }
    }
    throw last;
  }

  /** Nobody sells to an account without money: then that is what the application should hear. */
  async #explain(error: unknown, limit: AbortSignal): Promise<never> {
    if (!limit.aborted && OF_NO_MONEY.has(codeOf(error))) await this.#ports.assertSolvent(limit);
    throw error;
  }

  /** After what pause an orchestrator gets a new session, and the job again; never if `undefined`. */
  #pauseBefore(refresh: number, error: unknown, { job, choice, tried }: Tried): Milliseconds | undefined {
    const isAlone = () => this.#isAlone(job, choice, tried);
    if (retryOf(error) === "same-peer" && refresh <= MAX_REFRESHES)
      return refresh > 1 && isError(error, "payment.params-expired") && isAlone() ? FIRST_PAUSE_BEHIND : ms(0);
    if (isError(error, "payment.params-expired") && refresh <= MAX_REFRESHES_BEHIND && isAlone())
      return ms(FIRST_PAUSE_BEHIND * 2 ** (refresh - MAX_REFRESHES));
    const isBroken = isError(error, "peer.unreachable") && error.facts.hadConnection === true;
    return isBroken && refresh <= MAX_RECONNECTS && isAlone() ? ms(0) : undefined;
  }

  #isAlone(job: PreparedJob, choice: Choice, tried: ReadonlySet<string>): boolean {
    return !this.#ports.selector.hasOther(demandOf(job), new Set([...tried, choice.session.uri]));
  }

  /** The next orchestrator. When nobody is left, the last attempt's error says more than "nobody". */
  async #choose(job: PreparedJob, tried: ReadonlySet<string>, limit: AbortSignal, story: Story, last: unknown) {
    const patience = ms(Math.max(0, this.#options.patience - story.waited));
    try {
      return story.chose(await this.#ports.selector.acquire(demandOf(job), { tried, patience, signal: limit }));
    } catch (error) {
      throw last === undefined || limit.aborted || isError(last, "capacity.exhausted") ? error : last;
    }
  }

  async #attempt(one: Try): Promise<AnsweredJob> {
    const { job, choice, tried, story } = one;
    const { clock, hedging, selector } = this.#ports;
    if (hedging === undefined || job.isStream) return this.#tryOne(one);
    return hedged(
      (signal) => this.#tryOne({ ...one, signal }),
      async (signal) => {
        using held = new HeldSlot();
        const others = new Set([...tried, choice.session.uri]);
        const other = held.take(await selector.acquire(demandOf(job), { tried: others, patience: ms(0), signal }));
        try {
          return await this.#tryOne({ job, choice: story.chose(other), held, tried: others, signal, story });
        } catch (error) {
          if (!signal.aborted) other.failed(error);
          throw error;
        }
      },
      hedging.delay(job, clock),
      one.signal,
    );
  }

  /** One orchestrator, one try, in its share of the time. */
  async #tryOne({ job, choice, held, tried, signal, story }: Try): Promise<AnsweredJob> {
    const { attempt, clock, hedging, log } = this.#ports;
    const { session, offer } = choice;
    const attempted = story.began(choice);
    using resources = new DisposableStack();
    const share = resources.use(clockDeadline(clock, this.#shareOf(job, choice, tried, story), signal));
    try {
      const answer = await attempt(job, { session, offer }, share);
      const { took, timings } = answer;
      const response = answer.kind === "response" ? answer.response : undefined;
      const score = job.pipeline.latencyScore(job.request, job.work, took, response);
      choice.succeeded({ score, took: job.isStream ? undefined : took, load: timings.load });
      if (!job.isStream) hedging?.note(job, took);
      const told = { orchestrator: choice.session.serviceUri, timings: attempted.answered(answer) };
      if (answer.kind === "response") return { answer, ...told, [Symbol.dispose]: () => {} };
      share.lift();
      resources.use(held.handOver());
      resources.use(answer);
      const kept = resources.move();
      const events = failingTo(answer.events, (error) => share.aborted || choice.failed(error));
      return { answer: { ...answer, events }, ...told, [Symbol.dispose]: () => kept.dispose() };
    } catch (error) {
      attempted.failed(error);
      log.debug("attempt failed", {
        requestId: job.id,
        orchestrator: choice.session.serviceUri,
        code: codeOf(error),
      });
      throw error;
    }
  }

  /** How long one attempt may take; `undefined`, as long as the job may, when there is nobody else. */
  #shareOf(job: PreparedJob, choice: Choice, tried: ReadonlySet<string>, story: Story): Milliseconds | undefined {
    const { selector } = this.#ports;
    if (this.#isAlone(job, choice, tried)) return undefined;
    const left = Math.max(1, job.deadline - story.elapsed);
    const average = choice.isWarm ? selector.averageScore(demandOf(job)) : undefined;
    const usual =
      average === undefined
        ? Number.POSITIVE_INFINITY
        : Math.max(LEAST_ATTEMPT, TIMES_THE_AVERAGE * timeAt(job, average));
    return ms(Math.min(SHARE_OF_ONE * left, usual));
  }
}

interface Tried {
  readonly job: PreparedJob;
  readonly choice: Choice;
  /** Orchestrators that are out of the question. */
  readonly tried: ReadonlySet<string>;
}

/** One try of a job, and what it has to know of the others. */
interface Try extends Tried {
  /** Has the slot of `choice`. */
  readonly held: HeldSlot;
  readonly signal: AbortSignal;
  readonly story: Story;
}

function demandOf(job: PreparedJob) {
  return { pipeline: job.pipeline.name, model: job.model };
}

/** The same events; a failure among them is told to `onFailure` too. */
async function* failingTo<T>(events: AsyncIterable<T>, onFailure: (error: unknown) => void): AsyncGenerator<T> {
  try {
    yield* events;
  } catch (error) {
    onFailure(error);
    throw error;
  }
}
