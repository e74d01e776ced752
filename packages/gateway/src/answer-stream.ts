import type { Readable } from "node:stream";
import { type Clock, isError, RivuletError, seconds } from "@rivulet/primitives";
import { readChunks } from "@rivulet/wire";

/** How long what comes after a stream's last event may take. */
const LONGEST_ENDING = seconds(2);

/** What comes of a stream's body. With `readsOn` also its trailers, for which there is a moment after the last event. */
export interface StreamOptions {
  readonly readsOn: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * The events of a stream that has begun: what goes wrong before the first one is thrown here, so that it can be tried
 * elsewhere. Throws "peer.unreachable", "peer.protocol" and the signal's reason.
 */
export async function begunStream(
  body: Readable,
  { readsOn, clock, signal }: StreamOptions,
): Promise<AsyncIterable<string>> {
  const events = readChunks(body, readsOn ? { onLast: () => endSoon(body, clock) } : {});
  const next = async () => {
    try {
      return await events.next();
    } catch (cause) {
      body.destroy();
      signal.throwIfAborted();
      throw isError(cause)
        ? cause
        : new RivuletError("peer.unreachable", { reason: "the stream broke off" }, { cause });
    }
  };
  const first = await next();
  return (async function* () {
    for (let event = first; event.done !== true; event = await next()) yield event.value;
  })();
}

/** Ends a body of which nothing but its end is left, when that does not come. */
function endSoon(body: Readable, clock: Clock): void {
  const ended = new AbortController();
  body.once("close", () => ended.abort(ENDED));
  clock.sleep(LONGEST_ENDING, ended.signal).then(
    () => body.destroy(),
    () => {},
  );
}

/** Nobody sees it: one for all, as making an error costs more than the rest. */
const ENDED = new Error("the stream has ended");
