import { randomBytes } from "node:crypto";
import { type Clock, ms, type Randomness } from "@rivulet/primitives";

/** The longest delay a Node.js timer takes; longer ones would fire at once. */
const MAX_TIMER = 2 ** 31 - 1;

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => ms(Date.now()),
  monotonic: () => ms(performance.now()),
  // Several sleeps a job are called off: by hand that costs nothing, while the platform's own makes an error each time.
  sleep: (duration, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const wake = () => {
        signal?.removeEventListener("abort", callOff);
        resolve();
      };
      const timer = setTimeout(wake, Math.min(duration, MAX_TIMER));
      const callOff = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", callOff, { once: true });
    }),
};

/** Cryptographically secure chance. */
export const secureRandomness: Randomness = {
  bytes: (length) => randomBytes(length),
  uniform: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
};
