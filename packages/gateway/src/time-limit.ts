import { type Clock, linked, type Milliseconds, RivuletError } from "@rivulet/primitives";

/** Why a wait ends whose time limit is no longer needed: one for all, since making an error costs more than the rest. */
const LIFTED = new Error("the time limit was lifted");

/** A signal with a time limit. Disposing it ends the wait and undoes the link. */
export type TimeLimit = AbortSignal &
  Disposable & {
    /** From now on only the outer signal aborts it. */
    readonly lift: () => void;
  };

/**
 * A signal that aborts with `job.deadline-exceeded` after `limit` of the clock's time, or with the reason of `outer`. Without a
 * limit only the latter.
 */
export function timeLimit(clock: Clock, limit: Milliseconds | undefined, outer: AbortSignal): TimeLimit {
  const inner = linked(outer);
  if (limit === undefined)
    return Object.assign(inner.signal, { lift: () => {}, [Symbol.dispose]: () => inner[Symbol.dispose]() });
  const waiting = linked(inner.signal);
  clock.sleep(limit, waiting.signal).then(
    () => inner.abort(new RivuletError("job.deadline-exceeded", { limitMs: limit })),
    () => {},
  );
  const lift = () => waiting.abort(LIFTED);
  return Object.assign(inner.signal, {
    lift,
    [Symbol.dispose]: () => {
      inner[Symbol.dispose]();
      lift();
    },
  });
}
