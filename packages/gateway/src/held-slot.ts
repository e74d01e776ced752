import type { Choice } from "./selection/choice.ts";

/** The slot a job has, until it is given back or handed over to whoever reads the stream. */
export class HeldSlot implements Disposable {
  #choice: Choice | undefined;

  get choice(): Choice | undefined {
    return this.#choice;
  }

  take(choice: Choice): Choice {
    this.#choice = choice;
    return choice;
  }

  handOver(): Choice | undefined {
    const choice = this.#choice;
    this.#choice = undefined;
    return choice;
  }

  giveBack(): void {
    this.handOver()?.[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.giveBack();
  }
}
