import type { Pipeline } from "@rivulet/pipelines";
import type { ModelId } from "@rivulet/primitives";
import type { Hardware } from "@rivulet/wire";
import type { Executor, ModelOffer, Slot } from "../executor.ts";

/** Several executors as one: a slot comes from the first that has one. */
export class SeveralExecutors implements Executor {
  readonly #executors: readonly Executor[];

  constructor(executors: readonly Executor[]) {
    this.#executors = executors;
  }

  offers(): readonly ModelOffer[] {
    return this.#executors.flatMap((executor) => executor.offers());
  }

  hardware(): readonly Hardware[] {
    return this.#executors.flatMap((executor) => executor.hardware());
  }

  tryReserve(pipeline: Pipeline, model: ModelId): Slot | undefined {
    for (const executor of this.#executors) {
      const slot = executor.tryReserve(pipeline, model);
      if (slot !== undefined) return slot;
    }
    return undefined;
  }

  onOffersChanged(listener: () => void): Disposable {
    const all = new DisposableStack();
    for (const executor of this.#executors) all.use(executor.onOffersChanged(listener));
    return all;
  }
}
