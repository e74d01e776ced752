import { Worker } from "node:worker_threads";

/** How often a process looks whether the one that started it still lives. */
const PERIOD_MS = 500;

/**
 * Ends this process when the one that started it is gone, even while this thread is held by a computation.
 *
 * A closed line tells the same as soon as the event loop turns; the watching thread is for the step that never ends.
 */
export function dieWithParent(parent: number): void {
  const watch = `
    setInterval(() => {
      if (process.ppid !== ${parent}) process.kill(process.pid, "SIGKILL");
    }, ${PERIOD_MS});
  `;
  new Worker(watch, { eval: true }).unref();
}
