import type { Clock } from "./clock.ts";
import { RivuletError } from "./errors.ts";
import type { Milliseconds } from "./time.ts";

/**
 * A signal that aborts with `job.deadline-exceeded` after `limit`, or with the reason of any of `others`, whichever
 * comes first. Disposing it clears the timer and the links.
 */
export function deadline(
  limit: Milliseconds,
  ...others: readonly (AbortSignal | undefined)[]
): AbortSignal & Disposable {
  const controller = new AbortController();
  const timer = setTimeout(
    () => controller.abort(new RivuletError("job.deadline-exceeded", { limitMs: limit })),
    Math.min(limit, MAX_TIMER),
  );
  const unlink = others.map((other) => link(other, controller));
  const dispose = () => {
    clearTimeout(timer);
    for (const undo of unlink) undo();
  };
  controller.signal.addEventListener("abort", dispose, { once: true });
  return Object.assign(controller.signal, { [Symbol.dispose]: dispose });
}

/** A signal with a limit in a clock's time. Disposing it ends the wait and undoes the links. */
export type ClockDeadline = AbortSignal &
  Disposable & {
    /** From now on only the other signals abort it. */
    readonly lift: () => void;
  };

/**
 * As `deadline`, in the time of `clock`: for work of ours, where a test moves time. Without a limit only `others` abort it.
 */
export function clockDeadline(
  clock: Clock,
  limit: Milliseconds | undefined,
  ...others: readonly (AbortSignal | undefined)[]
): ClockDeadline {
  const controller = linked(...others);
  const alarm =
    limit === undefined
      ? undefined
      : clock.alarm(limit, () => controller.abort(new RivuletError("job.deadline-exceeded", { limitMs: limit })));
  const lift = () => alarm?.[Symbol.dispose]();
  return Object.assign(controller.signal, {
    lift,
    [Symbol.dispose]: () => {
      lift();
      controller[Symbol.dispose]();
    },
  });
}

/** The longest delay a Node.js timer takes; longer ones would fire at once. */
const MAX_TIMER = 2 ** 31 - 1;

/** A controller that also aborts, with the same reason, when any of `others` does. Disposing undoes the links. */
export function linked(...others: readonly (AbortSignal | undefined)[]): AbortController & Disposable {
  const controller = new AbortController();
  const unlink = others.map((other) => link(other, controller));
  return Object.assign(controller, {
    [Symbol.dispose]: () => {
      for (const undo of unlink) undo();
    },
  });
}

function link(other: AbortSignal | undefined, controller: AbortController): () => void {
  if (other === undefined) return () => {};
  if (other.aborted) {
    controller.abort(other.reason);
    return () => {};
  }
  const forward = () => controller.abort(other.reason);
  other.addEventListener("abort", forward, { once: true });
  return () => other.removeEventListener("abort", forward);
}

/** Rejects with the signal's reason when it aborts before `work` is done. The work itself goes on. */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    // Nobody hears of its failure any more, and an unheard one would end the process.
    work.catch(() => {});
    return Promise.reject(signal.reason);
  }
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
