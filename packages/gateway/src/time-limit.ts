import { type Clock, linked, type Milliseconds, RivuletError } from "@rivulet/primitives";

/** A signal with a time limit. Disposing it ends the wait and undoes the link. */
export type TimeLimit = AbortSignal &
  Disposable & {
    /** From now on only the outer signal aborts it. */
    readonly lift: () => void;
  };

/** A signal that aborts with `job.deadline-exceeded` after `limit` of the clock's time, or with the reason of `outer`. */
export function timeLimit(clock: Clock, limit: Milliseconds, outer: AbortSignal): TimeLimit {
  const inner = linked(outer);
  const waiting = linked(inner.signal);
  clock.sleep(limit, waiting.signal).then(
    () => inner.abort(new RivuletError("job.deadline-exceeded", { limitMs: limit })),
    () => {},
  );
  const lift = () => waiting.abort(new Error("the time limit was lifted"));
  return Object.assign(inner.signal, {
    lift,
    [Symbol.dispose]: () => {
      inner[Symbol.dispose]();
      lift();
    },
  });
}
