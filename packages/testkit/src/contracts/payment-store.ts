import { type Address, address } from "@rivulet/crypto";
import type {
  AccountChange,
  AccountKey,
  PaymentStore,
  PaymentToTake,
  TransactionHash,
  WinnerState,
  WinningTicket,
} from "@rivulet/payments";
import { balanceOf, ticketHashText } from "@rivulet/payments";
import { codeOf, l1BlockNumber, ms, Rational, wei } from "@rivulet/primitives";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

/** A store under test, empty when it is opened. */
export interface PaymentStoreUnderTest {
  readonly store: PaymentStore;
  /** The same data in a store opened anew, as after a restart; left out by stores that do not outlive the process. */
  readonly reopen?: () => Promise<PaymentStore>;
  readonly stop: () => Promise<void>;
}

/** What every payment store promises, called by each implementation. Nothing in it knows how a store keeps its data. */
export function paymentStoreContract(name: string, open: () => Promise<PaymentStoreUnderTest>): void {
  describe(`the payment store contract: ${name}`, () => {
    let world: PaymentStoreUnderTest;
    let store: PaymentStore;
    beforeEach(async () => {
      world = await open();
      store = world.store;
    });
    afterEach(async () => {
      await world.stop();
    });

    /** The data as it is after a restart, where there is one. */
    const afterRestart = async () => {
      if (world.reopen !== undefined) store = await world.reopen();
      return store;
    };

    describe("secrets", () => {
      test("there is none at first, and the newest comes first", async () => {
        expect(await store.recipientSecrets()).toEqual([]);
        for (const generation of [1, 2]) await store.addRecipientSecret(secret(generation));
        expect(await (await afterRestart()).recipientSecrets()).toEqual([secret(2), secret(1)]);
      });

      test("two generations are kept", async () => {
        for (const generation of [1, 2, 3]) await store.addRecipientSecret(secret(generation));
        expect(await (await afterRestart()).recipientSecrets()).toEqual([secret(3), secret(2)]);
      });
    });

    describe("taking a payment", () => {
      test("credits its tickets, once", async () => {
        expect(await store.take(payment({ nonces: [1, 2] }))).toEqual({
          nonces: ["fresh", "fresh"],
          credited: 2,
          winners: [],
        });
        expect(await store.take(payment({ nonces: [2, 3, 4] }))).toMatchObject({
          nonces: ["seen", "fresh", "fresh"],
          credited: 0,
        });
        expect(await balance(await afterRestart(), ACCOUNT)).toBe("2/3");
        expect(await store.take(payment({ nonces: [1, 4] }))).toMatchObject({ nonces: ["seen", "seen"], credited: 0 });
      });

      test("credits what comes before the first ticket that is refused, and no more than may be", async () => {
        expect(await store.take(payment({ nonces: [1, 2, 2, 3] }))).toMatchObject({
          nonces: ["fresh", "fresh", "seen", "fresh"],
          credited: 2,
        });
        expect(await store.take(payment({ nonces: [10, 11], creditable: 1 }))).toMatchObject({ credited: 1 });
        expect(await store.take(payment({ nonces: [12, 13], creditable: 0 }))).toMatchObject({
          nonces: ["fresh", "fresh"],
          credited: 0,
        });
        expect(await balance(store, ACCOUNT)).toBe("1");
      });

      test("leaves an account alone that gets nothing", async () => {
        await store.take(payment({ nonces: [1], creditable: 0, fixedPrice: Rational.of(5n) }));
        await store.take(payment({ nonces: [] }));
        expect(await store.accounts()).toEqual([]);
      });

      test("counts the nonces of each set of parameters by themselves, in any order, at most 600", async () => {
        const other = payment({ nonces: [0, 4_294_967_295], recipientRandHash: hash(2) });
        expect(await store.take(other)).toMatchObject({ nonces: ["fresh", "fresh"] });
        const many = Array.from({ length: 599 }, (_, index) => 3 * (600 - index));
        expect((await store.take(payment({ nonces: many }))).credited).toBe(599);
        expect(await (await afterRestart()).take(payment({ nonces: [1, 2, 3] }))).toMatchObject({
          nonces: ["fresh", "too-many", "too-many"],
          credited: 1,
        });
        expect(await store.take(payment({ nonces: [1, 6, 7] }))).toMatchObject({
          nonces: ["seen", "seen", "too-many"],
        });
      });

      test("keeps the price that was agreed on first", async () => {
        await store.take(payment({ nonces: [1], fixedPrice: Rational.of(3n, 2n) }));
        await store.take(payment({ nonces: [2], fixedPrice: Rational.of(4n) }));
        const [row] = await (await afterRestart()).accounts();
        expect(row).toMatchObject({ key: ACCOUNT, tickets: 2n, fixedPrice: Rational.of(3n, 2n), touchedAt: AT });
      });

      test("keeps sums exact, however large their fractions", async () => {
        const value = Rational.of(2n ** 255n + 1n, 2n ** 256n - 1n);
        await store.take(payment({ nonces: [1, 2, 3], ticketValue: value }));
        await store.apply([{ key: ACCOUNT, debited: value.times(2n), touchedAt: AT }]);
        expect(await balance(await afterRestart(), ACCOUNT)).toBe(`${value}`);
      });

      test("makes no difference how many run at once: each nonce counts once", async () => {
        const nonces = Array.from({ length: 200 }, (_, index) => 1 + (index % 100));
        const taken = await Promise.all(nonces.map((nonce) => store.take(payment({ nonces: [nonce] }))));
        expect(taken.filter(({ credited }) => credited === 1)).toHaveLength(100);
        expect(await balance(await afterRestart(), ACCOUNT)).toBe("100/3");
      });
    });

    describe("forgetting nonces", () => {
      test("credits nothing of what was forgotten", async () => {
        await store.take(payment({ nonces: [1], expirationBlock: 100n }));
        await store.take(payment({ nonces: [1], expirationBlock: 101n, recipientRandHash: hash(2) }));
        await store.forgetNonces(l1BlockNumber(100n));
        await store.forgetNonces(l1BlockNumber(99n));
        await afterRestart();
        expect(await store.take(payment({ nonces: [1, 2], expirationBlock: 100n }))).toMatchObject({
          nonces: ["forgotten", "forgotten"],
          credited: 0,
        });
        expect(
          await store.take(payment({ nonces: [1, 2], expirationBlock: 101n, recipientRandHash: hash(2) })),
        ).toMatchObject({ nonces: ["seen", "fresh"] });
      });

      test("still queues winners", async () => {
        await store.forgetNonces(l1BlockNumber(100n));
        const late = payment({ nonces: [1], expirationBlock: 100n, winners: [winner(1)] });
        expect((await store.take(late)).winners).toHaveLength(1);
      });
    });

    describe("winners", () => {
      test("are queued once, in the order of their arrival, and come back whole", async () => {
        const first = await store.take(payment({ nonces: [1, 2], winners: [winner(1), winner(2)] }));
        expect(first.winners.map(({ winner }) => winner)).toEqual([winner(1), winner(2)]);
        const again = await store.take(payment({ nonces: [2, 3], winners: [winner(2), winner(3)] }));
        expect(again.winners.map(({ winner }) => winner)).toEqual([winner(3)]);
        expect(await store.addWinners([winner(3), winner(4)], ms(9))).toHaveLength(1);
        const all = await (await afterRestart()).winners({ limit: 10 });
        expect(all.map(({ winner }) => winner)).toEqual([1, 2, 3, 4].map((nonce) => winner(nonce)));
        expect(all[0]).toMatchObject({
          hash: ticketHashText(winner(1).ticket),
          wonAt: AT,
          state: { kind: "queued" },
          failures: 0,
        });
        expect(all[3]?.wonAt).toBe(9);
        const sequences = all.map(({ sequence }) => sequence);
        expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
      });

      test("with the same hash and another signature are one", async () => {
        await store.addWinners([winner(1)], AT);
        const twin = { ...winner(1), signature: new Uint8Array(65).fill(9) };
        expect(await store.addWinners([twin, twin], AT)).toEqual([]);
        expect((await store.winners({ limit: 10 }))[0]?.winner).toEqual(winner(1));
      });

      test("keep numbers of 256 bits", async () => {
        const largest = 2n ** 256n - 1n;
        const extreme = winner(4_294_967_295, {
          faceValue: largest,
          winProbability: largest,
          recipientRand: largest,
          paramsExpirationBlock: 2n ** 63n,
        });
        await store.addWinners([extreme], AT);
        expect((await (await afterRestart()).winners({ limit: 1 }))[0]?.winner).toEqual(extreme);
      });

      test("go through their life, and failures are counted with the last reason", async () => {
        await store.addWinners([winner(1)], AT);
        const hash = ticketHashText(winner(1).ticket);
        const states: readonly (readonly [WinnerState, string?])[] = [
          [{ kind: "submitted", transaction: TRANSACTION, at: ms(5) }],
          [{ kind: "queued" }, "gas was dear"],
          [{ kind: "queued" }, "gas was dearer"],
          [{ kind: "redeemed", transaction: TRANSACTION, paid: wei(70n), gasCost: wei(3n), at: ms(6) }],
        ];
        for (const [state, failure] of states) {
          await store.setWinner(hash, state, failure);
          expect((await (await afterRestart()).winners({ limit: 1 }))[0]?.state).toEqual(state);
        }
        const [record] = await store.winners({ limit: 1 });
        expect(record).toMatchObject({ failures: 2, lastFailure: "gas was dearer" });
      });

      test("that are lost say why", async () => {
        await store.addWinners([winner(1), winner(2)], AT);
        const lost: readonly WinnerState[] = [
          { kind: "lost", why: "chain.ticket-expired", reason: "round 9", at: ms(6), gasCost: wei(0n) },
          {
            kind: "lost",
            why: "chain.ticket-used",
            reason: "twice",
            at: ms(7),
            transaction: TRANSACTION,
            gasCost: wei(4n),
          },
        ];
        const hashes = [1, 2].map((nonce) => ticketHashText(winner(nonce).ticket));
        for (const [index, state] of lost.entries()) await store.setWinner(hashes[index] ?? "0x", state);
        const records = await (await afterRestart()).winners({ limit: 2 });
        expect(records.map(({ state }) => state)).toEqual(lost);
      });

      test("are found by state, by sender and page by page", async () => {
        await store.addWinners([winner(1), winner(2), winner(3, { sender: OTHER }), winner(4)], AT);
        await store.setWinner(ticketHashText(winner(2).ticket), {
          kind: "submitted",
          transaction: TRANSACTION,
          at: AT,
        });
        const nonces = async (query: Parameters<PaymentStore["winners"]>[0]) =>
          (await store.winners(query)).map(({ winner }) => winner.ticket.senderNonce);
        expect(await nonces({ states: ["queued"], limit: 10 })).toEqual([1, 3, 4]);
        expect(await nonces({ states: ["queued", "submitted"], sender: SENDER, limit: 10 })).toEqual([1, 2, 4]);
        expect(await nonces({ states: ["lost"], limit: 10 })).toEqual([]);
        const [, second] = await store.winners({ limit: 2 });
        expect(await nonces({ after: second?.sequence ?? 0, limit: 1 })).toEqual([3]);
      });

      test("add up by state", async () => {
        await store.addWinners([winner(1), winner(2), winner(3)], AT);
        await store.setWinner(ticketHashText(winner(3).ticket), {
          kind: "redeemed",
          transaction: TRANSACTION,
          paid: wei(60n),
          gasCost: wei(5n),
          at: AT,
        });
        const totals = await (await afterRestart()).winnerTotals();
        expect(totals.toSorted((a, b) => a.state.localeCompare(b.state))).toEqual([
          { state: "queued", count: 2n, faceValue: 2n * FACE_VALUE, paid: 0n, gasCost: 0n },
          { state: "redeemed", count: 1n, faceValue: FACE_VALUE, paid: 60n, gasCost: 5n },
        ]);
      });

      test("that are not there cannot be changed", async () => {
        const error: unknown = await store.setWinner(`0x${"ab".repeat(32)}`, { kind: "queued" }).catch((e) => e);
        expect(codeOf(error)).toBe("internal");
      });
    });

    describe("reserving nonces", () => {
      const reserve = (count: number, of = hash(1)) =>
        store.reserveNonces({ recipientRandHash: of, expirationBlock: 100n, count });

      test("begins at 1 and never gives one twice, also across a restart", async () => {
        expect(await reserve(3)).toBe(1);
        expect(await reserve(1, hash(2))).toBe(1);
        await afterRestart();
        expect(await reserve(2)).toBe(4);
        expect(await reserve(1)).toBe(6);
      });

      test("gives each of many at once its own", async () => {
        const firsts = await Promise.all(Array.from({ length: 200 }, () => reserve(2)));
        expect(firsts.toSorted((a = 0, b = 0) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => 1 + 2 * i));
      });

      test("stops at the last number of 32 bits", async () => {
        expect(await reserve(4_294_967_294)).toBe(1);
        expect(await reserve(2)).toBeUndefined();
        expect(await reserve(1)).toBe(4_294_967_295);
        expect(await reserve(1)).toBeUndefined();
      });

      test("stops at the limit, and begins before it again", async () => {
        const reservation = { recipientRandHash: hash(1), expirationBlock: 100n, limit: 600 };
        expect(await store.reserveNonces({ ...reservation, count: 599 })).toBe(1);
        expect(await store.reserveNonces({ ...reservation, count: 2 })).toBeUndefined();
        expect(await store.reserveNonces({ ...reservation, count: 1 })).toBe(600);
      });

      test("keeps in mind what tickets were booked under parameters that have not expired", async () => {
        const ticket = { recipient: PAYER.peer, faceValue: 2n ** 255n, winProbability: 2n ** 250n };
        const of = (index: number, expirationBlock: bigint) => ({ recipientRandHash: hash(index), expirationBlock });
        await store.reserveNonces({ ...of(1, 100n), count: 2, ticket });
        await store.reserveNonces({ ...of(1, 100n), count: 3, ticket });
        await store.reserveNonces({ ...of(2, 90n), count: 1, ticket });
        await store.reserveNonces({ ...of(3, 200n), count: 7 });
        const after = await afterRestart();
        const [signed, ...others] = await after.signedTickets(l1BlockNumber(90n));
        expect(others).toEqual([]);
        expect(signed).toMatchObject({ ...ticket, expirationBlock: 100n, count: 5 });
        expect(Buffer.compare(signed?.recipientRandHash ?? new Uint8Array(), hash(1))).toBe(0);
        expect(await after.signedTickets(l1BlockNumber(0n))).toHaveLength(2);
        await after.forgetNonces(l1BlockNumber(100n));
        expect(await after.signedTickets(l1BlockNumber(0n))).toEqual([]);
      });

      test("books what the tickets are worth together with them, or neither", async () => {
        const account = { key: PAYER, credited: Rational.of(7n, 2n), tickets: 2n, touchedAt: AT };
        const reservation = { recipientRandHash: hash(1), expirationBlock: 100n };
        await store.reserveNonces({ ...reservation, count: 2, account });
        expect(await store.reserveNonces({ ...reservation, count: 2 ** 32, account })).toBeUndefined();
        const [row] = await (await afterRestart()).accounts();
        expect(row).toMatchObject({ key: PAYER, credited: Rational.of(7n, 2n), tickets: 2n });
      });
    });

    describe("accounts", () => {
      test("are opened by the first change and add up", async () => {
        await store.apply([
          change({ credited: Rational.of(10n), tickets: 2n }),
          change({ debited: Rational.of(1n, 3n), expired: Rational.of(2n), touchedAt: ms(20) }),
          change({ key: PAYER, debited: Rational.of(5n) }),
        ]);
        const rows = await (await afterRestart()).accounts();
        expect(rows).toHaveLength(2);
        expect(rows).toEqual(
          expect.arrayContaining([
            {
              key: ACCOUNT,
              credited: Rational.of(10n),
              debited: Rational.of(1n, 3n),
              expired: Rational.of(2n),
              tickets: 2n,
              touchedAt: 20,
            },
            expect.objectContaining({ key: PAYER, debited: Rational.of(5n) }),
          ]),
        );
      });

      test("are told apart by side, peer and id", async () => {
        const keys: AccountKey[] = [ACCOUNT, PAYER, { ...ACCOUNT, peer: OTHER }, { ...ACCOUNT, id: "27 m" }];
        await store.apply(keys.map((key, index) => change({ key, credited: Rational.of(BigInt(index + 1)) })));
        expect(await Promise.all(keys.map((key) => balance(store, key)))).toEqual(["1", "2", "3", "4"]);
      });

      test("take a new price when one is told", async () => {
        await store.apply([change({ fixedPrice: Rational.of(3n, 7n) }), change({ credited: Rational.of(1n) })]);
        expect((await (await afterRestart()).accounts())[0]?.fixedPrice).toEqual(Rational.of(3n, 7n));
        await store.apply([change({ fixedPrice: Rational.of(2n) })]);
        expect((await store.accounts())[0]?.fixedPrice).toEqual(Rational.of(2n));
      });

      test("that are closed live on in the totals of their peer, what was left as expired", async () => {
        await store.apply([
          change({ credited: Rational.of(10n), debited: Rational.of(4n), tickets: 1n }),
          change({ key: { ...ACCOUNT, id: "other" }, debited: Rational.of(1n, 2n) }),
          change({ key: PAYER, credited: Rational.of(3n), tickets: 1n }),
        ]);
        await store.close([ACCOUNT, { ...ACCOUNT, id: "never there" }]);
        await afterRestart();
        expect((await store.accounts()).map(({ key }) => key)).not.toContainEqual(ACCOUNT);
        const totals = await store.totals();
        expect(totals).toHaveLength(2);
        expect(totals).toEqual(
          expect.arrayContaining([
            {
              side: "payee",
              peer: SENDER,
              credited: Rational.of(10n),
              debited: Rational.of(9n, 2n),
              expired: Rational.of(6n),
              tickets: 1n,
            },
            {
              side: "payer",
              peer: SENDER,
              credited: Rational.of(3n),
              debited: Rational.ZERO,
              expired: Rational.ZERO,
              tickets: 1n,
            },
          ]),
        );
        await store.apply([change({ credited: Rational.of(1n), tickets: 1n })]);
        await store.close([ACCOUNT]);
        const payee = (await store.totals()).find(({ side }) => side === "payee");
        expect(payee).toMatchObject({ credited: Rational.of(11n), expired: Rational.of(7n), tickets: 2n });
      });

      test("change in the order of the calls, also when nobody waits in between", async () => {
        await Promise.all([
          store.apply([change({ credited: Rational.of(5n) })]),
          store.close([ACCOUNT]),
          store.apply([change({ credited: Rational.of(2n) })]),
        ]);
        expect(await balance(await afterRestart(), ACCOUNT)).toBe("2");
      });
    });
  });
}

const AT = ms(1_700_000_000_000);
const SENDER = address("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266");
const OTHER = address(`0x${"22".repeat(20)}`);
const RECIPIENT = address("0x70997970c51812dc3a010c7d01b50e0d17dc79c8");
const ACCOUNT: AccountKey = { side: "payee", peer: SENDER, id: "27_stabilityai/sd-turbo" };
const PAYER: AccountKey = { ...ACCOUNT, side: "payer" };
const FACE_VALUE = 1_000_000n;
const TRANSACTION: TransactionHash = `0x${"cd".repeat(32)}`;

function hash(fill: number): Uint8Array {
  return new Uint8Array(32).fill(fill);
}

function secret(generation: number) {
  return { generation, secret: hash(generation), createdAt: ms(1000 * generation) };
}

function change(overrides: Partial<AccountChange>): AccountChange {
  return { key: ACCOUNT, touchedAt: AT, ...overrides };
}

/** A payment whose tickets are worth a third of a wei each. */
function payment({ nonces, ...overrides }: Partial<PaymentToTake> & Pick<PaymentToTake, "nonces">): PaymentToTake {
  return {
    recipientRandHash: hash(1),
    expirationBlock: 1040n,
    nonces,
    creditable: nonces.length,
    ticketValue: Rational.of(1n, 3n),
    winners: [],
    account: ACCOUNT,
    at: AT,
    ...overrides,
  };
}

interface WinnerOverrides {
  readonly sender?: Address;
  readonly faceValue?: bigint;
  readonly winProbability?: bigint;
  readonly recipientRand?: bigint;
  readonly paramsExpirationBlock?: bigint;
}

function winner(senderNonce: number, overrides: WinnerOverrides = {}): WinningTicket {
  return {
    ticket: {
      recipient: RECIPIENT,
      sender: overrides.sender ?? SENDER,
      faceValue: overrides.faceValue ?? FACE_VALUE,
      winProbability: overrides.winProbability ?? 2n ** 255n,
      senderNonce,
      recipientRandHash: hash(1),
      expiration: { creationRound: 3500n, creationRoundBlockHash: hash(8) },
    },
    signature: new Uint8Array(65).fill(senderNonce % 251),
    recipientRand: overrides.recipientRand ?? 12345n,
    paramsExpirationBlock: overrides.paramsExpirationBlock ?? 1040n,
  };
}

async function balance(store: PaymentStore, { side, peer, id }: AccountKey): Promise<string> {
  const rows = await store.accounts();
  const row = rows.find(({ key }) => key.side === side && key.peer === peer && key.id === id);
  return row === undefined ? "none" : `${balanceOf(row)}`;
}
