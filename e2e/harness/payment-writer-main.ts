import { randomBytes } from "node:crypto";
import { writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type Clock, ms } from "@rivulet/primitives";
import { Store } from "@rivulet/store";
import { ACCOUNT, paymentOf, RESERVATION } from "./written-payments.ts";

/**
 * `payment-writer-main.ts FILE FIRST`: takes payments and reserves nonces as fast as it can, from payment FIRST on, and says
 * on standard output what the store acknowledged, at once and synchronously: whoever reads it knows all that was promised.
 */
const [file = "", first = "0"] = process.argv.slice(2);
const AT_ONCE = 24;
/** The one of `@rivulet/node` would bring the whole node along, and a writer is to be at work soon. */
const clock: Clock = {
  now: () => ms(Date.now()),
  monotonic: () => ms(performance.now()),
  sleep: (duration, signal) => sleep(duration, undefined, { signal, ref: false }),
  alarm: (duration, ring) => setTimeout(ring, duration).unref(),
};

const store = await Store.open({ file, chainId: 1337 }, { clock });
writeSync(1, "ready\n");
let next = Number(first);
await Promise.all(Array.from({ length: AT_ONCE }, work));

async function work(): Promise<never> {
  for (;;) {
    const number = next;
    next += 1;
    const { credited, winners } = await store.payments.take(paymentOf(number));
    writeSync(1, `taken ${number} ${credited} ${winners.length}\n`);
    const nonce = await store.payments.reserveNonces({ ...RESERVATION, count: 1 + (number % 3) });
    writeSync(1, `reserved ${nonce} ${1 + (number % 3)}\n`);
    if (number % 50 === 0) await store.payments.close([{ ...ACCOUNT, id: `${number % 7}` }]);
    if (number % 1000 === 0)
      await store.payments.addRecipientSecret({ generation: number, secret: randomBytes(32), createdAt: ms(0) });
  }
}
