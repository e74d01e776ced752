import type { Clock, Logger, Randomness } from "@rivulet/primitives";
import type { Channel, FromHost, HostLauncher, ToHost } from "./messages.ts";
import { type HostImplementations, serveHost } from "./serve-host.ts";

/**
 * Model hosts that live in this process: for implementations that never hold the thread. Killing one aborts its job and
 * disposes of its model.
 */
export function memoryLauncher(ports: {
  readonly implementations: HostImplementations;
  readonly randomness: Randomness;
  readonly clock: Clock;
  readonly log: Logger;
}): HostLauncher {
  return {
    launch() {
      const [owner, host] = memoryChannel<ToHost, FromHost>();
      const served = serveHost(host, { ...ports, peakBytes: () => 0 });
      const end = { reason: "closed" };
      return { channel: owner, kill: () => owner.close(), exited: served.then(() => end) };
    },
  };
}

/** Two ends of a line in memory. Messages are cloned, so that neither side sees the other's objects change. */
function memoryChannel<A, B>(): [Channel<A, B>, Channel<B, A>] {
  const toA: ((message: B) => void)[] = [];
  const toB: ((message: A) => void)[] = [];
  const closed: (() => void)[] = [];
  let open = true;
  const close = () => {
    if (!open) return;
    open = false;
    for (const listener of closed) queueMicrotask(listener);
  };
  const end = <Out, In>(theirs: ((message: Out) => void)[], ours: ((message: In) => void)[]): Channel<Out, In> => ({
    send(message) {
      if (!open) return;
      const copy = structuredClone(message);
      // A turn of the event loop, as a socket takes: an abort sent now is seen before a step that begins then.
      setImmediate(() => {
        if (open) for (const listener of theirs) listener(copy);
      });
    },
    onMessage: (listener) => void ours.push(listener),
    onClose: (listener) => void closed.push(listener),
    close,
  });
  return [end<A, B>(toB, toA), end<B, A>(toA, toB)];
}
