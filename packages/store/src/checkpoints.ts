import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Logger } from "@rivulet/primitives";
import type { CheckpointAnswer } from "./checkpoint-main.ts";

/**
 * Moves what was committed from the log to the database file, and makes both safe from a power failure, in a thread of its
 * own: the disk is waited for there and not on the event loop. The thread begins with the first checkpoint.
 */
export class Checkpoints {
  readonly #file: string;
  readonly #log: Logger;
  #worker: Worker | undefined;
  #hasEnded = false;
  /** Those who wait for an answer, in the order of their questions. */
  readonly #waiting: (() => void)[] = [];

  constructor(file: string, log: Logger) {
    this.#file = file;
    this.#log = log;
  }

  /** Resolves when the checkpoint was made, or failed and was logged; false when there is no thread that could make one. */
  async make(): Promise<boolean> {
    if (this.#hasEnded) return false;
    this.#worker ??= this.#start();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    this.#worker.postMessage("checkpoint");
    await promise;
    return !this.#hasEnded;
  }

  async close(): Promise<void> {
    if (this.#worker === undefined || this.#hasEnded) return;
    this.#worker.ref();
    const ended = once(this.#worker, "exit");
    this.#worker.postMessage("close");
    await ended;
  }

  #start(): Worker {
    const program = new URL("./checkpoint-main.ts", import.meta.url);
    const worker = new Worker(program, { workerData: this.#file, name: "checkpoints" });
    worker.unref();
    worker.on("message", ({ error }: CheckpointAnswer) => {
      if (error !== undefined) this.#log.warn("database checkpoint failed", { reason: error });
      this.#waiting.shift()?.();
    });
    worker.on("error", (error) => this.#log.warn("database checkpoints ended", { reason: String(error) }));
    worker.once("exit", () => {
      this.#hasEnded = true;
      for (const resolve of this.#waiting.splice(0)) resolve();
    });
    return worker;
  }
}
