import { orAborted, RivuletError } from "@rivulet/primitives";
import type { HttpResponse } from "./http/exchange.ts";
import { MAX_JOBS } from "./limits.ts";
import { Listeners } from "./listeners.ts";

/** Answers to jobs that are not with their callers yet. */
export class JobsUnderWay {
  readonly #answers = new Set<HttpResponse>();
  readonly #idle = new Listeners();

  get size(): number {
    return this.#answers.size;
  }

  /** Counts a job until its connection has its answer, or is gone. Throws "capacity.exhausted". */
  add(response: HttpResponse): void {
    if (this.size >= MAX_JOBS) throw new RivuletError("capacity.exhausted", { pipeline: "any", model: "any" });
    this.#answers.add(response);
    response.once("close", () => {
      this.#answers.delete(response);
      if (this.size === 0) this.#idle.notify();
    });
  }

  /** Resolves when there is none, and when `patience` aborts. */
  async ended(patience: AbortSignal): Promise<void> {
    if (this.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    using _idle = this.#idle.add(resolve);
    await orAborted(promise, patience).catch(() => {});
  }
}
