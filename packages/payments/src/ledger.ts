import {
  type Clock,
  invariant,
  Lease,
  type Logger,
  type Milliseconds,
  minutes,
  ms,
  Rational,
  RivuletError,
  type Startable,
} from "@rivulet/primitives";
import {
  type AccountChange,
  type AccountKey,
  type AccountSide,
  accountText,
  addTotals,
  balanceOf,
  NO_TOTALS,
  type PeerTotals,
  sumOf,
} from "./account.ts";
import type { LedgerStore } from "./ports.ts";
import { type Staged, StagedPayment, ticketsNeeded } from "./staged-payment.ts";

/**
 * How long an account may lie idle before it is closed. Source: payments 6.5. The payer closes a little earlier than the
 * payee: it never counts on credit that the other side has just struck off.
 */
const IDLE: Readonly<Record<AccountSide, Milliseconds>> = { payer: minutes(9), payee: minutes(10) };
/** How often idle accounts are looked for, and writes that failed are tried again. */
const SWEEP_INTERVAL = minutes(1);

export interface LedgerPorts {
  readonly store: LedgerStore;
  readonly clock: Clock;
  readonly log: Logger;
}

/** An account in memory. It exists once credit was paid in, so that strangers cannot fill the ledger for nothing. */
interface Account {
  readonly key: AccountKey;
  balance: Rational;
  /** The part of the balance that is promised to jobs under way. */
  held: Rational;
  fixedPrice: Rational | undefined;
  /** Jobs and payments that have it in hand: it is not idle. */
  uses: number;
  touchedAt: number;
}

/** Credit set aside for a job. Given back when the scope ends, unless it was settled. */
export interface Hold extends Disposable {
  /**
   * Charges the fee, which may differ from what was held; the balance may go below zero. Resolves when it is on disk; when
   * writing fails, that is logged, tried again later, and does not concern the job.
   */
  settle(fee: Rational): Promise<void>;
}

/**
 * Who owes whom, on both sides, in exact wei. In memory for speed, in the store for good: `credited - debited - expired` of
 * every account is its balance, before and after a restart.
 *
 * A payee:
 *
 *     using hold = ledger.hold(accepted.account, fee); // "payment.insufficient-balance"
 *     const result = await run(job);
 *     await hold.settle(feeFor(price, result.work));
 *
 * A payer:
 *
 *     using staged = ledger.stage({ side: "payer", peer: params.recipient, id: sessionId }, fee, ticketValue(params));
 *     const payment = await sender.pay({ params, price, staged, signal });
 *     staged.send();
 *     const answer = await post(payment); // whoever throws here has spent the credit
 *     await staged.settle(fee);
 *
 * Owns a timer. `stop` writes what is not yet written.
 */
export class Ledger implements Startable {
  readonly #ports: LedgerPorts;
  readonly #accounts = new Map<string, Account>();
  /** What the store does not know yet, by account. */
  #unwritten = new Map<string, AccountChange>();
  #writing: Promise<void> | undefined;
  /** The write after the one under way, for all who came too late for that. */
  #next: Promise<void> | undefined;
  readonly #stopped = new AbortController();
  #sweeping: Promise<void> | undefined;

  constructor(ports: LedgerPorts) {
    this.#ports = ports;
  }

  async start(): Promise<void> {
    const { store, clock } = this.#ports;
    for (const row of await store.accounts()) {
      const idleFor = Math.max(0, clock.now() - row.touchedAt);
      this.#accounts.set(accountText(row.key), {
        key: row.key,
        balance: balanceOf(row),
        held: Rational.ZERO,
        fixedPrice: row.fixedPrice,
        uses: 0,
        touchedAt: clock.monotonic() - idleFor,
      });
    }
    this.#sweeping = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new Error("the ledger stopped"));
    await this.#sweeping;
    await this.#flush();
  }

  /** What is left, promised or not; `undefined` for an account that is not there. */
  balance(key: AccountKey): Rational | undefined {
    return this.#accounts.get(accountText(key))?.balance;
  }

  /** Wei for a unit, as agreed when the account was opened. */
  fixedPrice(key: AccountKey): Rational | undefined {
    return this.#accounts.get(accountText(key))?.fixedPrice;
  }

  /** Everything that ever was, by side and peer. Equal to the store's once this resolves. */
  async totals(): Promise<readonly PeerTotals[]> {
    await this.#flush();
    return this.#ports.store.totals();
  }

  /**
   * Promises credit to a job. What is promised to one job is not there for another, so that jobs at the same time cannot be
   * paid with the same credit. Throws "payment.insufficient-balance" when less than `amount` is left; nothing is always left.
   */
  hold(key: AccountKey, amount: Rational): Hold {
    const account = this.#accounts.get(accountText(key));
    const left = account === undefined ? Rational.ZERO : account.balance.minus(account.held);
    if (amount.compare(Rational.ZERO) > 0 && left.compare(amount) < 0) {
      throw new RivuletError("payment.insufficient-balance", {
        reason: `${left.toFixed(0)} wei are left of ${amount.toFixed(0)} that are needed`,
      });
    }
    const use = this.use(key);
    if (account !== undefined) account.held = account.held.plus(amount);
    const held = new Lease(() => {
      if (account !== undefined) account.held = account.held.minus(amount);
      use.release();
    });
    return {
      settle: (fee) => {
        invariant(held.isHeld, "ledger: a hold is settled once");
        held.release();
        return this.change({ key, debited: fee });
      },
      [Symbol.dispose]: () => held.release(),
    };
  }

  /**
   * Sets the whole credit of an account aside for a payment, and tells how many tickets it takes beside. Source: payments
   * 6.4. Payments at the same time find nothing there and bring all they need.
   */
  stage(key: AccountKey, fee: Rational, ticketValue: Rational): Staged {
    const account = this.#accounts.get(accountText(key));
    const existingCredit = account?.balance ?? Rational.ZERO;
    if (account !== undefined) account.balance = Rational.ZERO;
    const minCredit = fee.compare(ticketValue) > 0 ? fee : ticketValue;
    return new StagedPayment(this, {
      key,
      existingCredit,
      ticketValue,
      tickets: ticketsNeeded({ existingCredit, minCredit, ticketValue }),
    });
  }

  /** Keeps an account from being closed. */
  use(key: AccountKey): Lease {
    const account = this.#accounts.get(accountText(key));
    if (account === undefined) return new Lease(() => {});
    account.uses += 1;
    return new Lease(() => {
      account.uses -= 1;
      account.touchedAt = this.#ports.clock.monotonic();
    });
  }

  /** Books a change, in memory at once. Resolves when it is on disk, or when writing failed and will be tried again. */
  change(change: Omit<AccountChange, "touchedAt">): Promise<void> {
    const isNothing = ![change.credited, change.debited, change.expired].some((sum) => (sum?.numerator ?? 0n) !== 0n);
    if (isNothing && change.fixedPrice === undefined) return Promise.resolve();
    const booked = { ...change, touchedAt: this.#ports.clock.now() };
    this.booked(booked);
    const key = accountText(change.key);
    this.#unwritten.set(key, merged(this.#unwritten.get(key), booked));
    return this.#flush();
  }

  /** Follows, in memory, a change that the store has booked already. */
  booked({ key, credited, debited, expired, fixedPrice }: AccountChange): void {
    const account = this.#account(key);
    const change = (credited ?? Rational.ZERO).minus(debited ?? Rational.ZERO).minus(expired ?? Rational.ZERO);
    account.balance = sumOf(account.balance, change);
    account.fixedPrice = fixedPrice ?? account.fixedPrice;
    account.touchedAt = this.#ports.clock.monotonic();
  }

  /** Puts credit that was set aside back. Nothing to book: to the store it never left. */
  putBack(key: AccountKey, credit: Rational): void {
    if (credit.numerator === 0n) return;
    const account = this.#account(key);
    account.balance = sumOf(account.balance, credit);
  }

  #account(key: AccountKey): Account {
    const text = accountText(key);
    const known = this.#accounts.get(text);
    if (known !== undefined) return known;
    const opened: Account = {
      key,
      balance: Rational.ZERO,
      held: Rational.ZERO,
      fixedPrice: undefined,
      uses: 0,
      touchedAt: this.#ports.clock.monotonic(),
    };
    this.#accounts.set(text, opened);
    return opened;
  }

  /** One write at a time, each with all that came up during the one before. Never rejects. */
  #flush(): Promise<void> {
    if (this.#unwritten.size === 0) return this.#writing ?? Promise.resolve();
    if (this.#writing === undefined) {
      this.#writing = this.#write().finally(() => {
        this.#writing = undefined;
      });
      return this.#writing;
    }
    this.#next ??= this.#writing.then(() => {
      this.#next = undefined;
      return this.#flush();
    });
    return this.#next;
  }

  async #write(): Promise<void> {
    // Let everything that is booked in this turn of the event loop go with it.
    await Promise.resolve();
    const changes = this.#unwritten;
    this.#unwritten = new Map();
    try {
      await this.#ports.store.apply([...changes.values()]);
    } catch (error) {
      // The amounts add up, so they can wait for the next write; what was done for them is done.
      for (const [key, change] of changes) this.#unwritten.set(key, merged(change, this.#unwritten.get(key)));
      this.#ports.log.error("the ledger could not be written", { accounts: changes.size, reason: String(error) });
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.#sweep().catch((error: unknown) => {
        this.#ports.log.error("idle accounts could not be closed", { reason: String(error) });
      });
      await this.#ports.clock.sleep(SWEEP_INTERVAL, signal).catch(() => {});
    }
  }

  async #sweep(): Promise<void> {
    await this.#flush();
    const now = this.#ports.clock.monotonic();
    const idle = [...this.#accounts].filter(
      ([text, { key, uses, touchedAt }]) =>
        uses === 0 && now - touchedAt >= IDLE[key.side] && !this.#unwritten.has(text),
    );
    if (idle.length === 0) return;
    // Out of memory first: whoever comes now opens a new account, which the store opens after this one is closed.
    for (const [text] of idle) this.#accounts.delete(text);
    for (const [, { key, balance }] of idle) {
      this.#ports.log.info("an idle account was closed", {
        side: key.side,
        peer: key.peer,
        account: key.id,
        expiredWei: balance.toFixed(0),
      });
    }
    await this.#ports.store.close(idle.map(([, { key }]) => key)).catch((error: unknown) => {
      for (const [, { key, balance, fixedPrice }] of idle) {
        const account = this.#account(key);
        account.balance = account.balance.plus(balance);
        account.fixedPrice ??= fixedPrice;
      }
      throw error;
    });
  }
}

/** Two changes of one account as one. */
function merged(earlier: AccountChange | undefined, later: AccountChange | undefined): AccountChange {
  const last = later ?? earlier;
  invariant(last !== undefined, "ledger: nothing to merge");
  if (earlier === undefined || later === undefined) return last;
  const fixedPrice = later.fixedPrice ?? earlier.fixedPrice;
  return {
    key: last.key,
    ...addTotals({ ...NO_TOTALS, ...earlier }, { ...NO_TOTALS, ...later }),
    ...(fixedPrice === undefined ? {} : { fixedPrice }),
    touchedAt: ms(Math.max(earlier.touchedAt, later.touchedAt)),
  };
}
