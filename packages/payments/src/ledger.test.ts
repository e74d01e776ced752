import { codeOf, minutes, ms, Rational, seconds, silentLogger } from "@rivulet/primitives";
import { TestClock, turn } from "@rivulet/testkit";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { account } from "../test/payment-world.ts";
import { type AccountChange, type AccountKey, balanceOf } from "./account.ts";
import { Ledger } from "./ledger.ts";
import { MemoryPaymentStore } from "./memory-payment-store.ts";

const peer = account("peer").address;
const EARNED = { side: "payee", peer, id: "27_m" } as const;
const PAID = { side: "payer", peer, id: "session" } as const;
const wei = (value: number) => Rational.of(BigInt(value));

/** A store that fails when it is told to. */
class StubbornStore extends MemoryPaymentStore {
  isFull = false;

  override async apply(changes: readonly AccountChange[]): Promise<void> {
    if (this.isFull) throw new Error("database or disk is full");
    return super.apply(changes);
  }

  override async close(accounts: readonly AccountKey[]): Promise<void> {
    if (this.isFull) throw new Error("database or disk is full");
    return super.close(accounts);
  }
}

let clock: TestClock;
let store: StubbornStore;
let ledger: Ledger;

beforeEach(async () => {
  clock = new TestClock();
  store = new StubbornStore();
  ledger = await opened();
});
afterEach(() => ledger.stop());

async function opened(): Promise<Ledger> {
  const ledger = new Ledger({ store, clock, log: silentLogger });
  await ledger.start();
  // It sleeps now, until somebody moves the clock.
  await turn();
  return ledger;
}

const balance = (key: typeof EARNED | typeof PAID = EARNED) => `${ledger.balance(key)}`;
const holding = (amount: Rational) => {
  try {
    ledger.hold(EARNED, amount)[Symbol.dispose]();
    return "held";
  } catch (error) {
    return codeOf(error);
  }
};

describe("a hold", () => {
  test("takes no more than is there, and nothing from an account that is not there", async () => {
    expect(holding(wei(1))).toBe("payment.insufficient-balance");
    expect(holding(wei(0))).toBe("held");
    await ledger.change({ key: EARNED, credited: wei(10) });
    expect(holding(wei(10))).toBe("held");
    expect(holding(wei(11))).toBe("payment.insufficient-balance");
  });

  test("keeps credit from jobs at the same time, and gives it back", async () => {
    await ledger.change({ key: EARNED, credited: wei(10) });
    {
      using _ = ledger.hold(EARNED, wei(6));
      expect(holding(wei(5))).toBe("payment.insufficient-balance");
      expect(holding(wei(4))).toBe("held");
      expect(balance()).toBe("10");
    }
    expect(holding(wei(10))).toBe("held");
  });

  test("is settled for what the work cost, which may be less or more", async () => {
    await ledger.change({ key: EARNED, credited: wei(10) });
    {
      using hold = ledger.hold(EARNED, wei(6));
      await hold.settle(wei(4));
      expect(() => hold.settle(wei(4))).toThrow();
    }
    expect(balance()).toBe("6");
    using hold = ledger.hold(EARNED, wei(1));
    await hold.settle(wei(9));
    expect(balance()).toBe("-3");
    expect((await store.accounts()).map(balanceOf)).toEqual([wei(-3)]);
  });
});

describe("a staged payment", () => {
  const booked = async (staged: ReturnType<Ledger["stage"]>) => {
    await store.apply([{ ...staged.booking, touchedAt: clock.now() }]);
    staged.made();
  };

  test("takes the whole credit: payments at the same time bring their own", async () => {
    await ledger.change({ key: PAID, credited: wei(10) });
    using first = ledger.stage(PAID, wei(8), wei(5));
    using second = ledger.stage(PAID, wei(8), wei(5));
    expect([first.tickets, second.tickets]).toEqual([0, 2]);
    await Promise.all([first.settle(wei(8)), booked(second).then(() => second.settle(wei(8)))]);
    expect(balance(PAID)).toBe("4");
  });

  test("that was never sent gives its credit back, but its tickets are used up", async () => {
    await ledger.change({ key: PAID, credited: wei(3) });
    {
      using staged = ledger.stage(PAID, wei(8), wei(5));
      await booked(staged);
      staged.send();
      staged.takeBack();
    }
    expect(balance(PAID)).toBe("3");
    const [totals] = await ledger.totals();
    expect(totals).toMatchObject({ credited: wei(8), expired: wei(5), tickets: 1n });
  });

  test("that brought no answer is gone, debts too", async () => {
    await ledger.change({ key: PAID, debited: wei(3) });
    {
      using staged = ledger.stage(PAID, wei(8), wei(5));
      expect(staged.tickets).toBe(3);
      await booked(staged);
      staged.send();
    }
    expect(balance(PAID)).toBe("0");
    expect((await ledger.totals()).map(balanceOf)).toEqual([wei(0)]);
  });
});

describe("an idle account", () => {
  test("is closed after ten minutes, or nine on the paying side, and what was left has expired", async () => {
    await ledger.change({ key: EARNED, credited: wei(10) });
    await ledger.change({ key: PAID, credited: wei(7) });
    await clock.advance(minutes(8));
    expect([balance(EARNED), balance(PAID)]).toEqual(["10", "7"]);
    await clock.advance(minutes(1));
    expect([balance(EARNED), balance(PAID)]).toEqual(["10", "undefined"]);
    await clock.advance(minutes(1));
    expect(balance(EARNED)).toBe("undefined");
    expect(await store.accounts()).toEqual([]);
    const totals = await ledger.totals();
    expect(totals.find(({ side }) => side === "payee")).toMatchObject({ credited: wei(10), expired: wei(10) });
  });

  test("is not idle while something happens, or a job is under way", async () => {
    await ledger.change({ key: EARNED, credited: wei(10) });
    {
      using hold = ledger.hold(EARNED, wei(1));
      await clock.advance(minutes(30));
      await hold.settle(wei(1));
    }
    await clock.advance(minutes(9));
    await ledger.change({ key: EARNED, credited: wei(1) });
    await clock.advance(minutes(9));
    expect(balance()).toBe("10");
  });

  test("takes its price with it", async () => {
    await ledger.change({ key: EARNED, credited: wei(10), fixedPrice: wei(3) });
    expect(ledger.fixedPrice(EARNED)).toEqual(wei(3));
    await clock.advance(minutes(10));
    expect(ledger.fixedPrice(EARNED)).toBeUndefined();
    await ledger.change({ key: EARNED, credited: wei(10) });
    expect(ledger.fixedPrice(EARNED)).toBeUndefined();
  });
});

describe("across a restart", () => {
  test("accounts, prices and the time since the last change are what they were", async () => {
    await ledger.change({ key: EARNED, credited: wei(10), fixedPrice: wei(3) });
    await clock.advance(minutes(6));
    await ledger.stop();
    ledger = await opened();
    expect(balance()).toBe("10");
    expect(ledger.fixedPrice(EARNED)).toEqual(wei(3));
    await clock.advance(minutes(3));
    expect(balance()).toBe("10");
    await clock.advance(minutes(1));
    expect(balance()).toBe("undefined");
  });

  test("a clock that was set back does not keep an account for ever", async () => {
    await store.apply([{ key: EARNED, credited: wei(1), touchedAt: ms(clock.now() + minutes(600)) }]);
    await ledger.stop();
    ledger = await opened();
    await clock.advance(minutes(10));
    expect(balance()).toBe("undefined");
  });
});

describe("a store that cannot write", () => {
  test("does not keep a job waiting, and gets all of it later", async () => {
    await ledger.change({ key: EARNED, credited: wei(10) });
    store.isFull = true;
    using hold = ledger.hold(EARNED, wei(4));
    await hold.settle(wei(4));
    await ledger.change({ key: EARNED, debited: wei(1) });
    expect(balance()).toBe("5");
    expect((await store.accounts()).map(balanceOf)).toEqual([wei(10)]);
    store.isFull = false;
    await clock.advance(seconds(60));
    expect((await store.accounts()).map(balanceOf)).toEqual([wei(5)]);
  });

  test("keeps its idle accounts until it can write again", async () => {
    await ledger.change({ key: EARNED, credited: wei(10) });
    store.isFull = true;
    await clock.advance(minutes(10));
    expect(balance()).toBe("10");
    store.isFull = false;
    await clock.advance(minutes(10));
    expect(balance()).toBe("undefined");
    expect(await store.accounts()).toEqual([]);
  });

  test("gets what is left at the end", async () => {
    store.isFull = true;
    await ledger.change({ key: EARNED, credited: wei(10) });
    store.isFull = false;
    await ledger.stop();
    expect((await store.accounts()).map(balanceOf)).toEqual([wei(10)]);
  });
});

test("a peer that tells a new denominator with every price cannot make adding slow", async () => {
  let exact = Rational.ZERO;
  for (let denominator = 2n ** 61n; denominator < 2n ** 61n + 2000n; denominator += 1n) {
    exact = denominator < 2n ** 61n + 10n ? exact.plus(Rational.of(1n, denominator)) : exact;
    void ledger.change({ key: EARNED, credited: Rational.of(1n, denominator) });
    if (denominator === 2n ** 61n + 9n) expect(ledger.balance(EARNED)).toEqual(exact);
  }
  const [totals] = await ledger.totals();
  for (const sum of [totals?.credited, ledger.balance(EARNED)]) {
    expect(sum?.denominator).toBeLessThan(2n ** 1024n);
    expect(sum?.times(2n ** 61n).toFixed(0)).toBe("2000");
  }
});

test("conserves: whatever happens in whatever order, every wei that came in was spent, expired or is there", async () => {
  const amount = fc.integer({ min: 0, max: 50 });
  const step = fc.oneof(
    fc.record({ do: fc.constant("credit" as const), amount }),
    fc.record({ do: fc.constant("job" as const), amount, used: amount, fails: fc.boolean() }),
    fc.record({
      do: fc.constant("pay" as const),
      amount,
      value: fc.integer({ min: 0, max: 20 }),
      until: fc.constantFrom("staged" as const, "made" as const, "sent" as const, "settled" as const),
    }),
    fc.record({ do: fc.constant("wait" as const), amount: fc.integer({ min: 0, max: 11 }) }),
    fc.record({ do: fc.constant("fail" as const), amount, isFull: fc.boolean() }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const clock = new TestClock();
      const store = new StubbornStore();
      const ledger = new Ledger({ store, clock, log: silentLogger });
      await ledger.start();
      let credited = Rational.ZERO;
      let debited = Rational.ZERO;
      for (const each of steps) {
        const amount = wei(each.amount);
        if (each.do === "credit") {
          credited = credited.plus(amount);
          await ledger.change({ key: EARNED, credited: amount });
        } else if (each.do === "wait") {
          await clock.advance(minutes(each.amount));
        } else if (each.do === "fail") {
          store.isFull = each.isFull;
        } else if (each.do === "job") {
          try {
            using hold = ledger.hold(EARNED, amount);
            if (each.fails) continue;
            await hold.settle(wei(each.used));
            debited = debited.plus(wei(each.used));
          } catch (error) {
            expect(codeOf(error)).toBe("payment.insufficient-balance");
          }
        } else {
          using staged = ledger.stage(PAID, amount, Rational.of(BigInt(each.value), 3n));
          if (each.until === "staged") continue;
          await store.reserveNonces({
            recipientRandHash: new Uint8Array(32),
            expirationBlock: 1n,
            count: staged.tickets,
            account: { ...staged.booking, touchedAt: clock.now() },
          });
          staged.made();
          credited = credited.plus(staged.newCredit);
          if (each.until !== "made") staged.send();
          if (each.until !== "settled") continue;
          await staged.settle(amount);
          debited = debited.plus(amount);
        }
      }
      store.isFull = false;
      await turn();
      const before = [EARNED, PAID].map((key) => ledger.balance(key) ?? Rational.ZERO);
      await ledger.stop();
      const rows = await store.accounts();
      const kept = [EARNED, PAID].map((key) => rows.find((row) => row.key.side === key.side));
      expect(kept.map((row) => (row === undefined ? Rational.ZERO : balanceOf(row)))).toEqual(before);
      const totals = await store.totals();
      const sum = (of: (each: (typeof totals)[number]) => Rational) =>
        totals.reduce((total, each) => total.plus(of(each)), Rational.ZERO);
      expect(sum((each) => each.credited)).toEqual(credited);
      expect(sum((each) => each.debited)).toEqual(debited);
      expect(sum(balanceOf)).toEqual(before.reduce((a, b) => a.plus(b)));
    }),
    { numRuns: 200 },
  );
});
