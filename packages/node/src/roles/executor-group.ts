import type { Executor, ModelOffer, Slot } from "@rivulet/orchestrator";
import type { Pipeline } from "@rivulet/pipelines";
import type { ModelId } from "@rivulet/primitives";

/** Several executors as one: what any of them offers is offered, and the first with a free slot gets the job. */
export class ExecutorGroup implements Executor {
  readonly #members: readonly Executor[];

  constructor(members: readonly Executor[]) {
    this.#members = members;
  }

  offers(): readonly ModelOffer[] {
    return this.#members.flatMap((member) => member.offers());
  }

  hardware(): ReturnType<Executor["hardware"]> {
    return this.#members.flatMap((member) => member.hardware());
  }

  tryReserve(pipeline: Pipeline, model: ModelId): Slot | undefined {
    for (const member of this.#members) {
      const slot = member.tryReserve(pipeline, model);
      if (slot !== undefined) return slot;
    }
    return undefined;
  }

  onOffersChanged(listener: () => void): Disposable {
    const subscriptions = this.#members.map((member) => member.onOffersChanged(listener));
    return {
      [Symbol.dispose]: () => {
        for (const subscription of subscriptions) subscription[Symbol.dispose]();
      },
    };
  }
}
