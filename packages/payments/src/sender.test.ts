import { recoverSigner } from "@rivulet/crypto";
import { BrokenInvariant, codeOf, Rational, RivuletError, retryOf, wei } from "@rivulet/primitives";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { account, type Payer, PaymentWorld, PRICE, TICKET_VALUE, terms } from "../test/payment-world.ts";
import { balanceOf } from "./account.ts";
import { MemoryPaymentStore } from "./memory-payment-store.ts";
import type { Recipient } from "./recipient.ts";
import { assertPriceHeld } from "./sender.ts";
import { ticketHash } from "./ticket.ts";
import type { TicketParams } from "./ticket-params.ts";
import { ticketValue, winProbability } from "./win-probability.ts";

const SENDER = account("sender").address;

class FailingStore extends MemoryPaymentStore {
  override async reserveNonces(): Promise<number | undefined> {
    throw new RivuletError("store.full", { reason: "the disk is full" });
  }
}

let world: PaymentWorld;
let recipient: Recipient;
let payer: Payer;
let params: TicketParams;

beforeEach(async () => {
  world = new PaymentWorld();
  ({ recipient } = await world.recipient());
  payer = await world.payer();
  params = await recipient.issue(SENDER, PRICE);
});

const key = (id = "session") => ({ side: "payer", peer: world.recipientAddress, id }) as const;
const noncesOf = (payment: Awaited<ReturnType<PaymentWorld["payment"]>>) =>
  payment.tickets?.signed.map(({ senderNonce }) => senderNonce);
const codeOfValidating = (changes: Partial<TicketParams> | undefined, tickets = 1) =>
  payer.sender
    .validate(changes === undefined ? undefined : { ...params, ...changes }, tickets)
    .then(() => "accepted", codeOf);

describe("a payment", () => {
  test("has the tickets that were staged, with nonces in a row, signed by its sender", async () => {
    const first = await world.payment(payer, params, 2);
    const second = await world.payment(payer, params, 3);
    expect([noncesOf(first), noncesOf(second)]).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
    expect(first).toMatchObject({ sender: SENDER, expectedPrice: PRICE });
    const { faceValue, winProbability, recipientRandHash } = params;
    for (const { senderNonce, signature } of first.tickets?.signed ?? []) {
      const hash = ticketHash({
        recipient: world.recipientAddress,
        sender: SENDER,
        faceValue,
        winProbability,
        senderNonce,
        recipientRandHash,
        expiration: world.chain.creation,
      });
      expect(recoverSigner(hash, signature)).toBe(SENDER);
    }
  });

  test("is on the books before it is signed", async () => {
    const value = ticketValue(params);
    using staged = payer.ledger.stage(key(), Rational.of(3n * TICKET_VALUE), value);
    await payer.sender.pay({ params, price: PRICE, staged });
    const [row] = await payer.store.accounts();
    expect(row).toMatchObject({ key: key(), credited: value.times(3n), tickets: 3n });
  });

  test("without tickets says who pays and what is expected", async () => {
    await payer.ledger.change({ key: key(), credited: Rational.of(10n * TICKET_VALUE) });
    using staged = payer.ledger.stage(key(), Rational.of(TICKET_VALUE), ticketValue(params));
    expect(await payer.sender.pay({ params, price: PRICE, staged })).toEqual({ sender: SENDER, expectedPrice: PRICE });
  });

  test("of free work has no tickets", async () => {
    const free = await recipient.issue(SENDER, Rational.ZERO);
    using staged = payer.ledger.stage(key(), Rational.ZERO, ticketValue(free));
    expect(await payer.sender.pay({ params: free, price: Rational.ZERO, staged })).not.toHaveProperty("tickets");
  });

  test("is dated by its sender when its recipient did not say how", async () => {
    const { expiration: _, ...undated } = params;
    const own = await world.payment(payer, undated);
    expect(own.tickets?.expiration).toEqual(world.chain.creation);
    const zero = { creationRound: 0n, creationRoundBlockHash: new Uint8Array(32) };
    expect((await world.payment(payer, { ...params, expiration: zero })).tickets?.expiration).toEqual(
      world.chain.creation,
    );
  });

  test("never reuses a nonce after a restart, or at the same time", async () => {
    await world.payment(payer, params, 2);
    const restarted = await world.payer("sender", { store: payer.store });
    const payments = await Promise.all(Array.from({ length: 100 }, () => world.payment(restarted, params, 2)));
    const nonces = payments.flatMap((payment) => noncesOf(payment) ?? []);
    expect(new Set(nonces).size).toBe(200);
    expect(Math.min(...nonces)).toBe(3);
  });

  test("asks for fresh parameters when their nonces are used up, and books nothing", async () => {
    for (let each = 0; each < 6; each += 1) await world.payment(payer, params, 100);
    const refused: unknown = await world.payment(payer, params).catch((error: unknown) => error);
    expect(codeOf(refused)).toBe("payment.nonces-exhausted");
    expect(retryOf(refused)).toBe("same-peer");
    const [row] = await payer.store.accounts();
    expect(row?.tickets).toBe(600n);
    expect((await world.payment(payer, await recipient.issue(SENDER, PRICE))).tickets?.signed).toHaveLength(1);
  });

  test("that was refused before it was signed counts for nothing in what winners may claim", async () => {
    for (let each = 0; each < 6; each += 1) await world.payment(payer, params, 100);
    const before = payer.sender.exposure.byRecipient();
    expect(before.get(world.recipientAddress)?.tickets).toBe(600n);
    await world.payment(payer, params, 100).catch(() => {});
    const failing = await world.payer("sender", { store: new FailingStore() });
    await world.payment(failing, params, 100).catch(() => {});
    expect(payer.sender.exposure.byRecipient()).toEqual(before);
    expect(failing.sender.exposure.byRecipient().size).toBe(0);
  });

  test("under parameters without an end is not remembered without end", async () => {
    await world.payment(payer, { ...params, expirationBlock: 2n ** 63n });
    world.chain.mine(10_000n);
    expect(payer.sender.exposure.byRecipient().size).toBe(0);
  });

  test("is not sent with a signature missing", async () => {
    const silent = await world.payer("sender", { signer: { address: SENDER, sign: async () => [] } });
    await expect(world.payment(silent, params, 2)).rejects.toThrow(BrokenInvariant);
  });

  test("that was made and never sent is not on the books as paid", async () => {
    const store = new MemoryPaymentStore();
    const broken = await world.payer("sender", { store });
    const value = ticketValue(params);
    {
      using staged = broken.ledger.stage(key(), value, value);
      await broken.sender.pay({ params, price: PRICE, staged });
    }
    await broken.ledger.stop();
    expect((await store.accounts()).map(balanceOf)).toEqual([Rational.ZERO]);
  });
});

describe("parameters are refused", () => {
  test("in the network's order, each with its code", async () => {
    expect(await codeOfValidating(undefined)).toBe("payment.params-unacceptable");
    expect(await codeOfValidating({ expirationBlock: 0n })).toBe("payment.params-unacceptable");
    expect(await codeOfValidating({ expirationBlock: world.chain.l1Block + 1n })).toBe("payment.params-expired");
    expect(await codeOfValidating({ faceValue: TICKET_VALUE, winProbability: 2n ** 256n - 1n })).toBe(
      "payment.params-unacceptable",
    );
    expect(await codeOfValidating({ winProbability: params.winProbability * 4n })).toBe("payment.over-limit");
    expect(await codeOfValidating({}, 10_000)).toBe("payment.over-limit");
    const face = 2n * 10n ** 18n;
    expect(await codeOfValidating({ faceValue: face, winProbability: winProbability(TICKET_VALUE, face) })).toBe(
      "payment.over-limit",
    );
    expect(await codeOfValidating({})).toBe("accepted");
  });

  test("that are free whatever the sender has", async () => {
    const poor = await world.payer("poor", { funds: { deposit: 0n, reserve: 0n } });
    await expect(poor.sender.validate({ ...params, faceValue: 0n })).resolves.toBeUndefined();
    await expect(poor.sender.validate(params)).rejects.toMatchObject({ code: "payment.sender-unfunded" });
  });

  test("while the sender's funds are about to be unlocked", async () => {
    world.chain.unlock(SENDER);
    world.chain.mineRound();
    params = await recipient.issue(SENDER, PRICE);
    expect(await codeOfValidating({})).toBe("payment.sender-unlocking");
  });

  test("when tickets that are out could use up what is locked", async () => {
    const poor = await world.payer("poor", {
      funds: { deposit: 2n * 10n ** 15n, reserve: 2n * 10n ** 15n },
    });
    const mine = await recipient.issue(poor.sender.address, PRICE);
    const paid: unknown[] = [];
    for (let each = 0; each < 30; each += 1) {
      paid.push(await world.payment(poor, mine, 20).then(() => "paid", codeOf));
    }
    expect(paid[0]).toBe("paid");
    expect(paid.at(-1)).toBe("payment.exposure-too-high");
    const exposure = poor.sender.exposure.byRecipient().get(world.recipientAddress);
    expect(exposure?.liability).toBeLessThanOrEqual(4n * 10n ** 15n);
    const restarted = await world.payer("poor", { store: poor.store, funds: { deposit: 0n, reserve: 0n } });
    await expect(world.payment(restarted, mine, 20)).rejects.toMatchObject({ code: "payment.exposure-too-high" });
    expect(restarted.sender.exposure.byRecipient()).toEqual(poor.sender.exposure.byRecipient());
    world.chain.mine(101n);
    const later = await recipient.issue(poor.sender.address, PRICE);
    expect((await world.payment(poor, later, 20)).tickets?.signed).toHaveLength(20);
  });
});

test("marks of parameters that expired long ago are forgotten", async () => {
  const forgotten: bigint[] = [];
  const store = new MemoryPaymentStore();
  const forgetful = await world.payer("sender", {
    store: Object.assign(store, { forgetNonces: async (block: bigint) => void forgotten.push(block) }),
  });
  for (const blocks of [0n, 20n, 20n, 60n, 40n]) {
    world.chain.mine(blocks);
    await world.payment(forgetful, await recipient.issue(SENDER, PRICE));
  }
  expect(forgotten).toEqual([9900n, 10_000n]);
});

test("parameters are due at half of their life", () => {
  expect(payer.sender.isDue(params)).toBe(false);
  world.chain.mine(20n);
  expect(payer.sender.isDue(params)).toBe(true);
});

test("a price may double within a session and no more", () => {
  expect(() => assertPriceHeld(Rational.of(3n), Rational.of(3n, 2n))).not.toThrow();
  const codeOfPrice = (price: Rational | undefined) => {
    try {
      assertPriceHeld(price, Rational.of(3n, 2n));
      return "held";
    } catch (error) {
      return codeOf(error);
    }
  };
  expect(codeOfPrice(Rational.of(301n, 100n))).toBe("payment.price-increased");
  expect(codeOfPrice(undefined)).toBe("payment.price-missing");
});

test("both ledgers agree after any jobs, at once or one by one, answered or not", async () => {
  const job = fc.record({
    fee: fc.bigInt({ min: 0n, max: 5n * TICKET_VALUE }),
    outcome: fc.constantFrom("done" as const, "done" as const, "lost answer" as const, "never sent" as const),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(job, { minLength: 1, maxLength: 12 }), fc.boolean(), async (jobs, atOnce) => {
      const world = new PaymentWorld();
      const { recipient, ledger } = await world.recipient();
      const payer = await world.payer();
      const params = await recipient.issue(SENDER, PRICE);
      const run = async ({ fee, outcome }: (typeof jobs)[number]) => {
        using staged = payer.ledger.stage(key(), Rational.of(fee), ticketValue(params));
        const payment = await payer.sender.pay({ params, price: PRICE, staged });
        if (outcome === "never sent") return;
        staged.send();
        const accepted = await recipient.accept(payment, terms());
        expect(accepted.refusal).toBeUndefined();
        using hold = ledger.hold(accepted.account, Rational.of(fee));
        await hold.settle(Rational.of(fee));
        if (outcome === "done") await staged.settle(Rational.of(fee));
      };
      if (atOnce) await Promise.all(jobs.map(run));
      else for (const each of jobs) await run(each);
      const [paid] = await payer.ledger.totals();
      const [earned] = await ledger.totals();
      const neverSent = jobs.some(({ outcome }) => outcome === "never sent");
      const lost = jobs.some(({ outcome }) => outcome === "lost answer");
      const difference = (paid?.credited ?? Rational.ZERO).minus(earned?.credited ?? Rational.ZERO);
      expect(difference.compare(Rational.ZERO)).toBeGreaterThanOrEqual(0);
      if (!neverSent) expect(difference).toEqual(Rational.ZERO);
      if (!lost) expect(paid?.debited ?? Rational.ZERO).toEqual(earned?.debited ?? Rational.ZERO);
      const left = { payer: payer.ledger.balance(key()), payee: earned && balanceOf(earned) };
      // What the payer counts on is there; the payee may have more, of what the payer has given up.
      expect((left.payee ?? Rational.ZERO).compare(left.payer ?? Rational.ZERO)).toBeGreaterThanOrEqual(0);
    }),
    { numRuns: 40 },
  );
});

test("limits are the sender's own", async () => {
  const strict = await world.payer("sender", { options: { maxTicketValue: wei(TICKET_VALUE - 1n) } });
  await expect(strict.sender.validate(params)).rejects.toMatchObject({ code: "payment.over-limit" });
});
