import { ZERO_ADDRESS } from "@rivulet/crypto";
import { BrokenInvariant, codeOf, Rational, RivuletError, wei } from "@rivulet/primitives";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { ACCOUNT, account, type Payer, PaymentWorld, PRICE, TICKET_VALUE, terms } from "../test/payment-world.ts";
import type { Ledger } from "./ledger.ts";
import { MemoryPaymentStore } from "./memory-payment-store.ts";
import type { Recipient } from "./recipient.ts";
import type { Payment } from "./ticket.ts";
import type { TicketParams } from "./ticket-params.ts";
import { CERTAIN_WIN, ticketValue } from "./win-probability.ts";

const SENDER = account("sender").address;
const KEY = { side: "payee", peer: SENDER, id: ACCOUNT } as const;

let world: PaymentWorld;
let store: MemoryPaymentStore;
let recipient: Recipient;
let ledger: Ledger;
let payer: Payer;

beforeEach(async () => {
  world = new PaymentWorld();
  store = new MemoryPaymentStore();
  ({ recipient, ledger } = await world.recipient(store));
  payer = await world.payer();
});

const issue = () => recipient.issue(SENDER, PRICE);
const pay = async (tickets = 1, params?: TicketParams) => world.payment(payer, params ?? (await issue()), tickets);
const codeOfAccepting = (payment: Payment, at = terms()) => recipient.accept(payment, at).then(() => "taken", codeOf);

describe("parameters", () => {
  test("are worth what was asked, pay for their redemption a hundred times, and last 40 blocks", async () => {
    const params = await issue();
    expect(ticketValue(params).compare(Rational.of(TICKET_VALUE))).toBeGreaterThanOrEqual(0);
    expect(params).toMatchObject({
      recipient: world.recipientAddress,
      faceValue: 100n * 1_200_000n * world.chain.gasPrice,
      expirationBlock: world.chain.l1Block + 40n,
      expiration: world.chain.creation,
    });
  });

  test("of free work are for tickets worth nothing, whatever the sender has", async () => {
    const params = await recipient.issue(account("stranger").address, Rational.ZERO);
    expect(params).toMatchObject({ faceValue: 0n, winProbability: 0n });
  });

  test("are not issued to senders whose reserve does not cover a winner", async () => {
    const stranger = recipient.issue(account("stranger").address, PRICE);
    await expect(stranger).rejects.toMatchObject({ code: "payment.reserve-insufficient" });
  });

  test("differ each time", async () => {
    expect((await issue()).recipientRandHash).not.toEqual((await issue()).recipientRandHash);
  });

  test("ask small senders for what redeeming small winners costs", async () => {
    expect(`${await recipient.txCostMultiplier(SENDER)}`).toBe("100");
    const { address } = account("small");
    world.chain.fund(address, { deposit: 10n ** 18n, reserve: 6n * 10n ** 13n });
    expect(`${await recipient.txCostMultiplier(address)}`).toBe("5");
  });

  test("are never free because more winners are pending than the sender is good for", async () => {
    const floats = { maxFloat: async () => -1n };
    const broke = await world.recipient(new MemoryPaymentStore(), {}, { floats });
    expect(`${await broke.recipient.txCostMultiplier(SENDER)}`).toBe("0");
    await expect(broke.recipient.issue(SENDER, PRICE)).rejects.toMatchObject({ code: "payment.reserve-insufficient" });
  });

  test("are not issued at a price below zero", async () => {
    await expect(recipient.issue(SENDER, Rational.of(-1n))).rejects.toThrow(BrokenInvariant);
  });
});

describe("a payment", () => {
  test("of a sender whose winners have outgrown all it has is refused, and nothing of it is written", async () => {
    let maxFloat = 10n ** 18n;
    const { recipient } = await world.recipient(store, {}, { floats: { maxFloat: async () => maxFloat } });
    const payment = await world.payment(payer, await recipient.issue(SENDER, PRICE), 2);
    maxFloat = -world.chain.fundsOf(SENDER, world.recipientAddress).deposit;
    await expect(recipient.accept(payment, terms())).rejects.toMatchObject({ code: "payment.reserve-insufficient" });
    expect(await store.accounts()).toEqual([]);
    maxFloat += 1n;
    expect(await recipient.accept(payment, terms())).toMatchObject({ tickets: 2, refusal: undefined });
  });

  test("is taken while nobody tells what its sender is good for", async () => {
    let maxFloat = async () => 10n ** 18n;
    const { recipient } = await world.recipient(store, {}, { floats: { maxFloat: () => maxFloat() } });
    const payment = await world.payment(payer, await recipient.issue(SENDER, PRICE), 2);
    maxFloat = () => Promise.reject(new RivuletError("chain.unavailable", {}));
    expect(await recipient.accept(payment, terms())).toMatchObject({ tickets: 2, refusal: undefined });
  });

  test("is credited with what its tickets are worth, at the price that was told", async () => {
    const accepted = await recipient.accept(await pay(3), terms());
    expect(accepted).toMatchObject({ account: KEY, price: PRICE, tickets: 3, refusal: undefined });
    expect(accepted.balance).toEqual(accepted.credited);
    expect(accepted.credited.compare(Rational.of(3n * TICKET_VALUE))).toBeGreaterThanOrEqual(0);
    expect(ledger.balance(KEY)).toEqual(accepted.credited);
    expect(ledger.fixedPrice(KEY)).toEqual(PRICE);
  });

  test("is on disk when it was accepted", async () => {
    const { credited } = await recipient.accept(await pay(2), terms());
    const [row] = await store.accounts();
    expect(row).toMatchObject({ key: KEY, credited, tickets: 2n, fixedPrice: PRICE });
  });

  test("counts once, however often it comes", async () => {
    const payment = await pay(2);
    const answers = await Promise.all([1, 2, 3].map(() => recipient.accept(payment, terms())));
    expect(answers.map(({ tickets }) => tickets).sort()).toEqual([0, 0, 2]);
    expect(answers.filter(({ refusal }) => codeOf(refusal) === "payment.nonce-reused")).toHaveLength(2);
    expect(ledger.balance(KEY)?.compare(Rational.of(3n * TICKET_VALUE))).toBeLessThan(0);
  });

  test("counts once across a restart, and its parameters stay good", async () => {
    const params = await issue();
    const first = await pay(1, params);
    const second = await pay(1, params);
    await recipient.accept(first, terms());
    await recipient.stop();
    await ledger.stop();
    const restarted = await world.recipient(store);
    expect((await restarted.recipient.accept(first, terms())).refusal?.code).toBe("payment.nonce-reused");
    const accepted = await restarted.recipient.accept(second, terms());
    expect(accepted).toMatchObject({ tickets: 1, refusal: undefined });
    expect(accepted.balance).toEqual(ticketValue(params).times(2n));
  });

  test("of 200 requests at once is credited whole, in whatever order they come", async () => {
    const params = await issue();
    const payments = await Promise.all(Array.from({ length: 200 }, () => pay(3, params)));
    const order = fc.sample(fc.shuffledSubarray(payments, { minLength: 200 }), { seed: 7, numRuns: 1 })[0] ?? [];
    const accepted = await Promise.all(order.map((payment) => recipient.accept(payment, terms())));
    expect(accepted.every(({ tickets, refusal }) => tickets === 3 && refusal === undefined)).toBe(true);
    expect(ledger.balance(KEY)).toEqual(ticketValue(params).times(600n));
    await expect(pay(1, params)).rejects.toMatchObject({ code: "payment.nonces-exhausted" });
  });

  test("without tickets is heard, and brings nothing", async () => {
    const accepted = await recipient.accept({ sender: SENDER, expectedPrice: PRICE }, terms());
    expect(accepted).toMatchObject({ tickets: 0, price: PRICE, balance: Rational.ZERO });
    expect(await store.accounts()).toEqual([]);
  });

  test("of free work leaves nothing behind", async () => {
    const params = await recipient.issue(SENDER, Rational.ZERO);
    const tickets = {
      params,
      expiration: world.chain.creation,
      signed: [{ senderNonce: 1, signature: new Uint8Array(65) }],
    };
    const payment = { sender: SENDER, tickets, expectedPrice: Rational.ZERO };
    expect(await recipient.accept(payment, terms(Rational.ZERO))).toMatchObject({ tickets: 0, refusal: undefined });
    expect(await store.accounts()).toEqual([]);
  });
});

describe("winners", () => {
  beforeEach(() => {
    // So that small winners are worth their redemption.
    world.chain.gasPrice = wei(0n);
  });

  test("go to the queue when they are on disk, and are sure with a chance of one", async () => {
    const face = wei(TICKET_VALUE);
    const sure = await world.recipient(store, { maxFaceValue: face });
    const params = await sure.recipient.issue(SENDER, PRICE);
    expect(params.winProbability).toBe(CERTAIN_WIN);
    await expect(pay(1, params), "but no sender of ours signs such a ticket").rejects.toMatchObject({
      code: "payment.params-unacceptable",
    });
    const near = await world.recipient(store, { maxFaceValue: wei(face + 1n) });
    const payment = await pay(2, await near.recipient.issue(SENDER, PRICE));
    expect(await near.recipient.accept(payment, terms())).toMatchObject({ tickets: 2, winners: 2 });
    expect(world.won.map(({ winner }) => winner.ticket.senderNonce)).toEqual([1, 2]);
    expect(await store.winners({ limit: 9 })).toEqual(world.won);
  });

  test("of expired parameters are kept, though nothing is credited", async () => {
    const near = await world.recipient(store, { maxFaceValue: wei(TICKET_VALUE + 1n) });
    const payment = await pay(1, await near.recipient.issue(SENDER, PRICE));
    world.chain.mine(40n);
    const accepted = await near.recipient.accept(payment, terms());
    expect(accepted).toMatchObject({ tickets: 0, winners: 1 });
    expect(accepted.refusal?.code).toBe("payment.params-expired");
    expect((await near.recipient.accept(payment, terms())).winners).toBe(0);
  });
});

describe("a payment is refused whole", () => {
  const changed = (payment: Payment, change: Partial<TicketParams>): Payment =>
    payment.tickets === undefined
      ? payment
      : { ...payment, tickets: { ...payment.tickets, params: { ...payment.tickets.params, ...change } } };

  test("when nobody sent it", async () => {
    expect(await codeOfAccepting({ ...(await pay()), sender: ZERO_ADDRESS })).toBe("payment.sender-missing");
  });

  test("when its recipient is not active in this round", async () => {
    const payment = await pay();
    world.chain.deactivate(world.recipientAddress);
    world.chain.mineRound();
    expect(await codeOfAccepting(payment)).toBe("payment.recipient-inactive");
  });

  test("when it is silent about the price, or expects less than was told", async () => {
    const { sender, tickets } = await pay();
    if (tickets === undefined) throw new Error("no tickets");
    expect(await codeOfAccepting({ sender, tickets })).toBe("payment.price-missing");
    const expectedPrice = Rational.of(149n, 100n);
    expect(await codeOfAccepting({ sender, tickets, expectedPrice })).toBe("payment.price-too-low");
    expect(await codeOfAccepting({ sender, expectedPrice })).toBe("payment.price-too-low");
    expect(await codeOfAccepting({ sender, expectedPrice: Rational.of(-1n) })).toBe("payment.price-too-low");
    expect(await codeOfAccepting({ sender })).toBe("payment.price-too-low");
  });

  test("when its sender is unlocking", async () => {
    const payment = await pay();
    world.chain.unlock(SENDER);
    world.chain.mineRound();
    expect(await codeOfAccepting(payment)).toBe("payment.sender-unlocking");
  });

  test("when its parameters are another recipient's, another sender's or changed anywhere", async () => {
    const payment = await pay();
    const other = account("other").address;
    world.chain.activate(other, 0n);
    world.chain.fund(other, { deposit: 1n, reserve: 1n });
    expect(await codeOfAccepting(changed(payment, { recipient: other }))).toBe("payment.ticket-invalid");
    expect(await codeOfAccepting({ ...payment, sender: other })).toBe("payment.params-unknown");
    const { params } = payment.tickets ?? { params: await issue() };
    const changes: readonly Partial<TicketParams>[] = [
      { faceValue: params.faceValue + 1n },
      { winProbability: params.winProbability + 1n },
      { expirationBlock: params.expirationBlock + 1n },
      { seed: params.seed + 1n },
      { recipientRandHash: new Uint8Array(32) },
      { recipientRandHash: new Uint8Array() },
      // Bytes moved from one number to the next: the same message where lengths are not bound in.
      {
        faceValue: params.faceValue >> 8n,
        winProbability: ((params.faceValue & 255n) << 232n) | params.winProbability,
      },
    ];
    for (const change of changes)
      expect(await codeOfAccepting(changed(payment, change))).toBe("payment.params-unknown");
    expect(await codeOfAccepting({ ...payment, expectedPrice: Rational.of(2n) })).toBe("payment.params-unknown");
    expect(await store.accounts()).toEqual([]);
  });

  test("when its date is not one", async () => {
    const payment = await pay();
    if (payment.tickets === undefined) throw new Error("no tickets");
    const { tickets } = payment;
    const hash = tickets.expiration.creationRoundBlockHash;
    for (const expiration of [
      { creationRound: -1n, creationRoundBlockHash: hash },
      { creationRound: 2n ** 63n - 1n, creationRoundBlockHash: hash },
      { creationRound: 10n, creationRoundBlockHash: hash.subarray(1) },
      { creationRound: 10n, creationRoundBlockHash: new Uint8Array(64) },
    ]) {
      expect(await codeOfAccepting({ ...payment, tickets: { ...tickets, expiration } })).toBe("payment.params-unknown");
    }
  });
});

test("a chain that does not answer stops nobody who was known before", async () => {
  const payment = await pay();
  const { recipient } = await world.recipient(
    store,
    {},
    {
      activity: { isActive: () => Promise.reject(new Error("down")) },
    },
  );
  expect(await recipient.accept(payment, terms())).toMatchObject({ tickets: 1, refusal: undefined });
});

describe("tickets are refused one by one", () => {
  const forged = { senderNonce: 77, signature: new Uint8Array(65).fill(1) };
  const withTickets = (payment: Payment, ...order: readonly (number | "forged")[]): Payment => {
    if (payment.tickets === undefined) throw new Error("no tickets");
    const { signed } = payment.tickets;
    const chosen = order.map((index) => (index === "forged" ? forged : (signed[index] ?? forged)));
    return { ...payment, tickets: { ...payment.tickets, signed: chosen } };
  };

  test("a forged one ends the crediting, and those after it are used up", async () => {
    const payment = await pay(3);
    const mixed = await recipient.accept(withTickets(payment, 0, "forged", 1), terms());
    expect(mixed).toMatchObject({ tickets: 1 });
    expect(mixed.refusal?.code).toBe("payment.ticket-invalid");
    const again = await recipient.accept(withTickets(payment, 1, 2), terms());
    expect(again).toMatchObject({ tickets: 0 });
    expect(again.refusal?.code).toBe("payment.nonce-reused");
  });

  test("a forged one does not use up its nonce", async () => {
    const payment = await pay(1);
    const [signed] = payment.tickets?.signed ?? [];
    const stolen = { senderNonce: signed?.senderNonce ?? 0, signature: new Uint8Array(65).fill(1) };
    const { tickets } = payment;
    if (tickets === undefined) throw new Error("no tickets");
    await recipient.accept({ ...payment, tickets: { ...tickets, signed: [stolen] } }, terms());
    expect(await recipient.accept(payment, terms())).toMatchObject({ tickets: 1, refusal: undefined });
  });

  test("the last refusal is the one that is told", async () => {
    const payment = await pay(3);
    await recipient.accept(withTickets(payment, 0), terms());
    const refusalOf = async (...order: readonly (number | "forged")[]) =>
      (await recipient.accept(withTickets(payment, ...order), terms())).refusal?.code;
    expect(await refusalOf(0, "forged")).toBe("payment.ticket-invalid");
    expect(await refusalOf("forged", 0)).toBe("payment.nonce-reused");
    expect(await refusalOf(0, "forged", 1)).toBe("payment.ticket-invalid");
  });

  test("expired ones bring nothing, and are used up", async () => {
    const payment = await pay(1);
    world.chain.mine(39n);
    expect((await recipient.accept(payment, terms())).refusal).toBeUndefined();
    const late = await pay(1).catch(() => undefined);
    world.chain.mine(40n);
    const accepted = await recipient.accept(late ?? payment, terms());
    expect(accepted.refusal?.code).toBe("payment.params-expired");
    expect(accepted.tickets).toBe(0);
  });

  test("long expired ones win nothing: who saw the secret number could choose tickets that do", async () => {
    const sure = await world.recipient(store, { ticketValue: wei(10n ** 18n), maxFaceValue: wei(10n ** 18n + 1n) });
    world.chain.fund(SENDER, { deposit: 10n ** 19n, reserve: 10n ** 19n });
    const rich = await world.payer("sender", {
      options: { maxTicketValue: wei(10n ** 19n), maxTotalValue: wei(10n ** 19n) },
    });
    const payment = await world.payment(rich, await sure.recipient.issue(SENDER, PRICE), 3);
    world.chain.mine(40n + 21n);
    expect(await sure.recipient.accept(payment, terms())).toMatchObject({ winners: 0, tickets: 0 });
    expect(world.won).toEqual([]);
  });

  test("long forgotten ones bring nothing either", async () => {
    const payment = await pay(1);
    await recipient.accept(payment, terms());
    world.chain.mine(100n);
    await recipient.stop();
    expect((await recipient.accept(payment, terms())).refusal?.code).toBe("payment.params-expired");
  });
});

test("a price that was agreed on stays good while the account lives, though it is no longer quoted", async () => {
  const params = await issue();
  await recipient.accept(await pay(1, params), terms());
  const dearer = terms(Rational.of(2n));
  expect(await recipient.accept(await pay(1, params), dearer)).toMatchObject({ price: PRICE, tickets: 1 });
  expect(await codeOfAccepting(await pay(1, params), { ...dearer, id: "another" })).toBe("payment.price-too-low");
});

test("any order of nonces, with gaps and repetitions, credits each ticket once", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 11 }), { minLength: 1, maxLength: 30 }),
      fc.boolean(),
      async (order, atOnce) => {
        const here = new PaymentWorld();
        const { recipient, ledger } = await here.recipient();
        const payer = await here.payer();
        const params = await recipient.issue(SENDER, PRICE);
        const payment = await here.payment(payer, params, 12);
        if (payment.tickets === undefined) throw new Error("no tickets");
        const { tickets } = payment;
        const single = (index: number) =>
          recipient.accept(
            { ...payment, tickets: { ...tickets, signed: tickets.signed.slice(index, index + 1) } },
            terms(),
          );
        if (atOnce) await Promise.all(order.map(single));
        else for (const index of order) await single(index);
        expect(ledger.balance(KEY)).toEqual(ticketValue(params).times(BigInt(new Set(order).size)));
      },
    ),
    { numRuns: 20 },
  );
});

test("whatever a stranger sends is refused with a code, and never credited", async () => {
  const number = fc.oneof(fc.bigInt({ min: 0n, max: CERTAIN_WIN }), fc.constantFrom(0n, 1n, 2n ** 64n, CERTAIN_WIN));
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 70 }), fc.uint8Array({ minLength: 32, maxLength: 32 }));
  const expiration = fc.record({
    creationRound: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    creationRoundBlockHash: bytes,
  });
  const addresses = fc.constantFrom(SENDER, ZERO_ADDRESS, world.recipientAddress, account("other").address);
  const signed = fc.record({
    senderNonce: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    signature: fc.oneof(bytes, fc.uint8Array({ minLength: 65, maxLength: 65 })),
  });
  const params = fc.record({
    recipient: addresses,
    faceValue: number,
    winProbability: number,
    recipientRandHash: bytes,
    seed: number,
    expirationBlock: number,
  });
  const genuine = await issue();
  const changes = fc.record(
    { faceValue: number, winProbability: number, seed: number, expirationBlock: number },
    { requiredKeys: [] },
  );
  const payment = fc.record(
    {
      sender: addresses,
      tickets: fc.record({
        params: fc.oneof(
          params,
          changes.map((change) => ({ ...genuine, ...change })),
        ),
        expiration: fc.oneof(expiration, fc.constant(world.chain.creation)),
        signed: fc.array(signed, { maxLength: 5 }),
      }),
      expectedPrice: fc.oneof(
        fc.constant(PRICE),
        fc
          .tuple(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }))
          .map(([numerator, denominator]) => Rational.of(numerator, denominator)),
      ),
    },
    { requiredKeys: ["sender"] },
  );
  await fc.assert(
    fc.asyncProperty(payment, async (anything) => {
      const outcome = await recipient.accept(anything, terms()).catch((error: unknown) => error);
      if (outcome instanceof Error) expect(codeOf(outcome)).toMatch(/^payment\./);
      else expect(outcome).toMatchObject({ tickets: 0, winners: 0, credited: Rational.ZERO });
    }),
    { numRuns: 300 },
  );
  expect(await store.accounts()).toEqual([]);
});
