import { randomFillSync } from "node:crypto";
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
  alarm(duration, ring) {
    const timer = setTimeout(ring, Math.min(duration, MAX_TIMER));
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

/** Asking the system costs as much for 16 bytes as for these: the names of some two hundred things. */
const DRAWN_AT_ONCE = 4096;
/** Who wants more than this has it drawn for itself. */
const FROM_STOCK = 64;

/** Cryptographically secure chance, drawn in stock. Bytes that have been handed out are no longer in it. */
class SecureRandomness implements Randomness {
  readonly #stock = Buffer.allocUnsafeSlow(DRAWN_AT_ONCE);
  #used = DRAWN_AT_ONCE;

  bytes(length: number): Uint8Array {
    if (length > FROM_STOCK) return randomFillSync(new Uint8Array(length));
    const drawn = this.#draw(length);
    const taken = Uint8Array.prototype.slice.call(drawn);
    drawn.fill(0);
    return taken;
  }

  uniform(): number {
    return this.#draw(6).readUIntBE(0, 6) / 2 ** 48;
  }

  #draw(length: number): Buffer {
    if (this.#used + length > DRAWN_AT_ONCE) {
      randomFillSync(this.#stock);
      this.#used = 0;
    }
    this.#used += length;
    return this.#stock.subarray(this.#used - length, this.#used);
  }
}

export const secureRandomness: Randomness = new SecureRandomness();
