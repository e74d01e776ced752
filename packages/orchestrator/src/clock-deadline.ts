import { type Clock, linked, type Milliseconds, RivuletError } from "@rivulet/primitives";

/** Nobody sees it; given, because an abort without a reason makes an error with its stack each time. */
const DISPOSED = "disposed";

/**
 * A signal that aborts with "job.deadline-exceeded" after `limit` of the clock's time, or with the reason of any of
 * `others`. Disposing it ends the wait.
 */
export function clockDeadline(
  clock: Clock,
  limit: Milliseconds,
  ...others: readonly (AbortSignal | undefined)[]
): AbortSignal & Disposable {
  const controller = linked(...others);
  const disposed = new AbortController();
  clock.sleep(limit, disposed.signal).then(
    () => controller.abort(new RivuletError("job.deadline-exceeded", { limitMs: limit })),
    () => {},
  );
  return Object.assign(controller.signal, {
    [Symbol.dispose]: () => {
      disposed.abort(DISPOSED);
      controller[Symbol.dispose]();
    },
  });
}
