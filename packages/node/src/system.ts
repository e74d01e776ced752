import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Clock, ms, type Randomness } from "@rivulet/primitives";

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => ms(Date.now()),
  monotonic: () => ms(performance.now()),
  sleep: async (duration, signal) => {
    signal?.throwIfAborted();
    try {
      await sleep(duration, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};

/** Cryptographically secure chance. */
export const secureRandomness: Randomness = {
  bytes: (length) => randomBytes(length),
  uniform: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
};
