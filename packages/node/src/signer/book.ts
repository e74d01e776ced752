import { type SignerBook, type SignerBudget, type SigningStep, STATE_LIFETIME } from "@rivulet/payments";
import { RivuletError } from "@rivulet/primitives";
import type { Settings } from "@rivulet/store";
import { type AgingRow, AgingRows } from "./aging-rows.ts";

/** Calls that wait for their turn; beyond, the signer says that it is busy. */
const MAX_WAITING = 1_000;
/** Sessions, and callers with a budget, that are remembered, 200 bytes each; beyond, new ones are refused until old ones have aged. */
const MAX_REMEMBERED = 100_000;

/**
 * How far every session got and what every caller spent, on disk before anything is signed: a state that was used is not
 * used again, also when the signer was started anew in between. Sessions are forgotten once their states are too old to be
 * taken, and callers once the stretch of time is over in which they spent.
 */
export class StoredSignerBook implements SignerBook {
  readonly #settings: Settings;
  readonly #maxRemembered: number;
  #rows: { readonly marks: AgingRows; readonly spent: AgingRows } | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(settings: Settings, maxRemembered: number = MAX_REMEMBERED) {
    this.#settings = settings;
    this.#maxRemembered = maxRemembered;
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

  async #step(step: SigningStep, budget: SignerBudget | undefined): Promise<void> {
    const { stateId, sequence, caller, at } = step;
    const { marks, spent } = (this.#rows ??= await this.#read());
    await marks.forget(at - STATE_LIFETIME);
    if (budget !== undefined) await spent.forget(at - budget.period + 1);
    const mark = marks.find(stateId);
    if (mark !== undefined && sequence <= mark.amount)
      throw new RivuletError("signer.state-replayed", { reason: `step ${sequence} was taken already` });
    if (mark === undefined && sequence > 0)
      throw new RivuletError("signer.state-replayed", { reason: "its session is not known here" });
    if (mark === undefined) this.#makeSureOfRoom(marks);
    const taken = { amount: BigInt(sequence), since: at };
    const paid = budget === undefined ? undefined : this.#spending(spent, step, budget);
    await this.#settings.set({ ...marks.text(stateId, taken), ...(paid && spent.text(caller, paid)) });
    marks.put(stateId, taken);
    if (paid !== undefined) spent.put(caller, paid);
  }

  #spending(spent: AgingRows, { caller, amount, at }: SigningStep, { amount: most, period }: SignerBudget): AgingRow {
    const known = spent.find(caller);
    if (known === undefined) this.#makeSureOfRoom(spent);
    const before = known !== undefined && at - known.since < period ? known : { amount: 0n, since: at };
    const sum = before.amount + amount;
    if (sum > most) throw new RivuletError("signer.budget-exhausted", { reason: `${most} wei for ${period} ms` });
    return { amount: sum, since: before.since };
  }

  #makeSureOfRoom(rows: AgingRows): void {
    if (rows.size >= this.#maxRemembered)
      throw new RivuletError("node.overloaded", { reason: "the signer remembers as many sessions as it can" });
  }

  async #read() {
    const marks = await AgingRows.read(this.#settings, "signer.mark.");
    const spent = await AgingRows.read(this.#settings, "signer.spent.");
    return { marks, spent };
  }
}
