import { type SignerBook, type SignerBudget, type SigningStep, STATE_LIFETIME } from "@rivulet/payments";
import { RivuletError } from "@rivulet/primitives";
import type { Settings } from "@rivulet/store";

/** Calls that wait for their turn; beyond, the signer says that it is busy. */
const MAX_WAITING = 1_000;

/**
 * How far every session got and what every caller spent, on disk before anything is signed: a state that was used is not
 * used again, also when the signer was started anew in between.
 */
export class StoredSignerBook implements SignerBook {
  readonly #settings: Settings;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(settings: Settings) {
    this.#settings = settings;
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
    const markKey = `signer.mark.${stateId}`;
    const mark = (await this.#settings.find(markKey))?.split(" ").map(Number);
    if (mark !== undefined && sequence <= (mark[0] ?? 0) && at - (mark[1] ?? 0) <= STATE_LIFETIME)
      throw new RivuletError("signer.state-replayed", { reason: `step ${sequence} was taken already` });
    if (mark === undefined && sequence > 0)
      throw new RivuletError("signer.state-replayed", { reason: "its session is not known here" });
    const spentKey = `signer.spent.${caller}`;
    const [spentText = "0", sinceText = "0"] = (await this.#settings.find(spentKey))?.split(" ") ?? [];
    const isCurrent = budget === undefined || at - Number(sinceText) < budget.period;
    const spent = (isCurrent ? BigInt(spentText) : 0n) + amount;
    if (budget !== undefined && spent > budget.amount)
      throw new RivuletError("signer.budget-exhausted", { reason: `${budget.amount} wei for ${budget.period} ms` });
    const since = isCurrent && spentText !== "0" ? sinceText : `${at}`;
    await this.#settings.set({ [markKey]: `${sequence} ${at}`, [spentKey]: `${spent} ${since}` });
  }
}
