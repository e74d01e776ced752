import type { Address } from "@rivulet/crypto";
import { Rational } from "@rivulet/primitives";
import type { OlderGateway } from "@rivulet/testkit";
import type { Payment, SignedTicket } from "@rivulet/wire";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { at } from "./harness/ask.ts";
import { MoneyStage, PAST_EXPIRY, type PaidNode } from "./harness/money.ts";
import { pictureJob, Senders } from "./harness/senders.ts";

const SENDERS = 50;
const MOST = 2n ** 256n - 1n;
const NOTHING = new Uint8Array();

let stage: MoneyStage;
let seller: PaidNode;
let senders: Senders;
/** What each sender has really paid, in tickets and in fees of jobs that were done. */
const paid = new Map<Address, { readonly tickets: bigint; readonly fees: Rational }>();

beforeAll(async () => {
  stage = await MoneyStage.start();
  seller = await stage.seller(2);
  await stage.devnet.nextRound();
  senders = new Senders(stage, seller);
});

afterAll(async () => {
  await senders[Symbol.asyncDispose]();
  const { status, told, text } = await stage.reconcile();
  const totals = await stage.totals(seller);
  await stage[Symbol.asyncDispose]();
  expect([status, at(told, "agrees"), text]).toEqual([0, true, expect.any(String)]);
  // Nobody was credited for what it did not pay, nor twice, nor charged for what was not done.
  const booked = totals.map(({ peer, tickets, debited }) => [peer, { tickets, fees: `${debited}` }] as const);
  const right = Array.from(paid, ([peer, { tickets, fees }]) => [peer, { tickets, fees: `${fees}` }] as const);
  expect(new Map(booked)).toEqual(new Map(right.filter(([, { tickets }]) => tickets > 0n)));
});

/** Notes what a sender pays from here on. */
function noted(sender: OlderGateway, tickets: number, fees = Rational.ZERO): void {
  const before = paid.get(sender.address) ?? { tickets: 0n, fees: Rational.ZERO };
  paid.set(sender.address, { tickets: before.tickets + BigInt(tickets), fees: before.fees.plus(fees) });
}

async function expectGood(sender: OlderGateway): Promise<void> {
  sender.tamper = (payment) => payment;
  const { status, text, fee, tickets } = await sender.job(pictureJob);
  expect(`${status} ${status === 200 ? "" : text}`).toBe("200 ");
  noted(sender, tickets, fee);
}

/** The status, and what is said of a payment that was changed on its way. */
async function refusal(sender: OlderGateway, change: (payment: Payment) => Payment): Promise<string> {
  sender.tamper = change;
  const { status, text } = await sender.job(pictureJob);
  return `${status} ${text.trimEnd()}`;
}

type Batch = NonNullable<Payment["tickets"]>;

const changed = (change: (batch: Batch) => Partial<Batch>) => (payment: Payment) =>
  payment.tickets === undefined ? payment : { ...payment, tickets: { ...payment.tickets, ...change(payment.tickets) } };

const resigned = (change: (ticket: SignedTicket) => SignedTicket) =>
  changed(({ signed }) => ({ signed: signed.map(change) }));

test(`${SENDERS} senders at once are all served, and each is charged for its own job`, async () => {
  const all = await senders.open(...Array.from({ length: SENDERS }, (_, index) => `sender ${index}`));
  await Promise.all(all.map(expectGood));
  expect(paid.size).toBeGreaterThanOrEqual(SENDERS);
});

const UNKNOWN = "400 invalid recipientRand for ticket recipientRandHash";
const SEEN = "400 invalid ticket senderNonce: already seen";

/** Changes of a payment, what is answered, and how many of its tickets are good all the same. */
const attacks: readonly {
  readonly what: string;
  readonly change: (payment: Payment) => Payment;
  readonly told: string;
  readonly good?: number;
}[] = [
  {
    what: "doubled",
    change: changed(({ signed }) => ({ signed: [...signed, ...signed] })),
    told: SEEN,
    good: 1,
  },
  {
    what: "signed by nobody",
    change: resigned((ticket) => ({ ...ticket, signature: new Uint8Array(65) })),
    told: "400 invalid ticket signature",
  },
  {
    what: "with an empty signature",
    change: resigned((ticket) => ({ ...ticket, signature: NOTHING })),
    told: "400 invalid ticket signature",
  },
  {
    what: "signed for another nonce",
    change: resigned((ticket) => ({ ...ticket, senderNonce: ticket.senderNonce + 1 })),
    told: "400 invalid ticket signature",
  },
  {
    what: "with the greatest nonce, signed for another",
    change: resigned((ticket) => ({ ...ticket, senderNonce: 2 ** 32 - 1 })),
    told: "400 invalid ticket signature",
  },
  {
    what: "for somebody else",
    change: (payment) => changed(({ params }) => ({ params: { ...params, recipient: payment.sender } }))(payment),
    told: "400 invalid ticket recipient",
  },
  {
    what: "with a greater face value",
    change: changed(({ params }) => ({ params: { ...params, faceValue: MOST } })),
    told: UNKNOWN,
  },
  {
    what: "with a later expiry",
    change: changed(({ params }) => ({ params: { ...params, expirationBlock: params.expirationBlock + 1n } })),
    told: UNKNOWN,
  },
  {
    what: "with every field zero",
    change: changed(({ params }) => ({
      params: { ...params, faceValue: 0n, winProbability: 0n, seed: 0n, expirationBlock: 0n },
      expiration: { creationRound: 0n, creationRoundBlockHash: NOTHING },
      signed: [{ senderNonce: 0, signature: NOTHING }],
    })),
    told: UNKNOWN,
  },
  {
    what: "with every field at its greatest",
    change: changed(({ params }) => ({
      params: { ...params, faceValue: MOST, winProbability: MOST, seed: MOST, expirationBlock: MOST },
      expiration: { creationRound: 2n ** 63n - 1n, creationRoundBlockHash: new Uint8Array(32).fill(255) },
      signed: [{ senderNonce: 2 ** 32 - 1, signature: new Uint8Array(65).fill(255) }],
    })),
    told: UNKNOWN,
  },
];

describe("tickets", () => {
  test.for(attacks)("$what are refused, and a good job works after", async ({ what, change, told, good = 0 }) => {
    const [sender] = await senders.open(what);
    expect(await refusal(sender, change)).toBe(told);
    noted(sender, good);
    await expectGood(sender);
  });

  test("replayed, in their order or another, are refused: each counts once", async () => {
    const [sender] = await senders.open("replays");
    // Three tickets, the last one first.
    sender.tamper = (payment) => {
      const { params, expiration } = payment.tickets ?? {};
      if (params === undefined || expiration === undefined) throw new Error("no tickets");
      const more = [sender.sign({ ...params, expiration }), sender.sign({ ...params, expiration })];
      return changed(({ signed }) => ({ signed: [...signed, ...more].toReversed() }))(payment);
    };
    const { status, fee } = await sender.job(pictureJob);
    expect(status).toBe(200);
    noted(sender, 3, fee);
    const [first] = sender.payments;
    if (first === undefined) throw new Error("no payment");
    expect(await refusal(sender, () => first)).toBe(SEEN);
    expect(await refusal(sender, () => changed(({ signed }) => ({ signed: signed.toReversed() }))(first))).toBe(SEEN);
    await expectGood(sender);
  });

  test("of another sender bring whoever shows them nothing", async () => {
    const [victim, thief] = await senders.open("victim", "thief");
    await expectGood(victim);
    const [stolen] = victim.payments;
    if (stolen?.tickets === undefined) throw new Error("no tickets");
    const { tickets } = stolen;
    expect(await refusal(thief, (payment) => ({ ...payment, tickets }))).toBe(UNKNOWN);
    expect(await refusal(thief, () => stolen)).toBe("403 ErrSegSig");
    noted(thief, 0);
    await expectGood(thief);
    await expectGood(victim);
  });

  test("of expired parameters are refused until their sender has new ones", async () => {
    const [sender] = await senders.open("late");
    await expectGood(sender);
    const asked = sender.asked;
    await stage.devnet.mine(PAST_EXPIRY);
    await stage.followed();
    const late = await sender.job(pictureJob);
    expect([late.status, late.text.trimEnd()]).toEqual([400, "TicketParams expired"]);
    expect(late.isSuspended).toBe(true);
    expect(sender.asked).toBe(asked);
    await senders.look();
    await expectGood(sender);
    expect(sender.asked).toBe(asked + 1);
  });
});
