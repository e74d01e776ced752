import { type SignerBook, type SignerBudget, type SigningStep, STATE_LIFETIME } from "@rivulet/payments";
import { RivuletError } from "@rivulet/primitives";
import type { Settings } from "@rivulet/store";

/** Calls that wait for their turn; beyond, the signer says that it is busy. */
const MAX_WAITING = 1_000;
/** Sessions that are remembered, 200 bytes each; beyond, new ones are refused until old ones have aged. */
const MAX_SESSIONS = 100_000;
/** Sessions that have aged are forgotten so many at a time, along with the step of another. */
const FORGOTTEN_AT_ONCE = 10;

const MARK = "signer.mark.";
const SPENT = "signer.spent.";

/** How far a session got, and when. */
interface Mark {
  readonly sequence: number;
  readonly at: number;
}

/**
 * How far every session got and what every caller spent, on disk before anything is signed: a state that was used is not
 * used again, also when the signer was started anew in between. Sessions are forgotten once their states are too old to be
 * taken.
 */
export class StoredSignerBook implements SignerBook {
  readonly #settings: Settings;
  readonly #maxSessions: number;
  /** Those used longest ago first. */
  #marks: Map<string, Mark> | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(settings: Settings, maxSessions: number = MAX_SESSIONS) {
    this.#settings = settings;
    this.#maxSessions = maxSessions;
  }

  async step(step: SigningStep, budget?: SignerBudget): Promise<void> {
    if (this.#waiting >= MAX_WAITING) throw new RivuletError("node.overloaded", {});
    this.#waiting += 1;
    // One after the other, so that two calls at once cannot spend the same budget.
    const turn = this.#turn.then(() => this.#step(step, budget));
    this.#turn = turn.catch(() => {});
    try {
      await turn;
    } finally {
      this.#waiting -= 1;
    }
  }

  async #step({ stateId, sequence, caller, amount, at }: SigningStep, budget: SignerBudget | undefined): Promise<void> {
    const marks = (this.#marks ??= await this.#readMarks());
    await this.#forget(marks, at);
    const mark = marks.get(stateId);
    if (mark !== undefined && sequence <= mark.sequence)
      throw new RivuletError("signer.state-replayed", { reason: `step ${sequence} was taken already` });
    if (mark === undefined && sequence > 0)
      throw new RivuletError("signer.state-replayed", { reason: "its session is not known here" });
    if (mark === undefined && marks.size >= this.#maxSessions)
      throw new RivuletError("node.overloaded", { reason: "the signer remembers as many sessions as it can" });
    const spent = budget === undefined ? {} : await this.#spent(caller, amount, at, budget);
    await this.#settings.set({ [`${MARK}${stateId}`]: `${sequence} ${at}`, ...spent });
    marks.delete(stateId);
    marks.set(stateId, { sequence, at });
  }

  async #spent(caller: string, amount: bigint, at: number, budget: SignerBudget): Promise<Record<string, string>> {
    const key = `${SPENT}${caller}`;
    const [before = "0", since = `${at}`] = (await this.#settings.find(key))?.split(" ") ?? [];
    const isCurrent = at - Number(since) < budget.period;
    const spent = (isCurrent ? BigInt(before) : 0n) + amount;
    if (spent > budget.amount)
      throw new RivuletError("signer.budget-exhausted", { reason: `${budget.amount} wei for ${budget.period} ms` });
    return { [key]: `${spent} ${isCurrent ? since : at}` };
  }

  async #readMarks(): Promise<Map<string, Mark>> {
    const marks = [...(await this.#settings.startingWith(MARK))].map(([key, text]): [string, Mark] => {
      const [sequence = 0, at = 0] = text.split(" ").map(Number);
      return [key.slice(MARK.length), { sequence, at }];
    });
    return new Map(marks.sort(([, a], [, b]) => a.at - b.at));
  }

  async #forget(marks: Map<string, Mark>, now: number): Promise<void> {
    const aged: string[] = [];
    for (const [stateId, { at }] of marks) {
      if (now - at <= STATE_LIFETIME || aged.length >= FORGOTTEN_AT_ONCE) break;
      aged.push(stateId);
    }
    if (aged.length === 0) return;
    await this.#settings.remove(...aged.map((stateId) => `${MARK}${stateId}`));
    for (const stateId of aged) marks.delete(stateId);
  }
}
