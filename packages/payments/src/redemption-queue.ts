import type { Address } from "@rivulet/crypto";
import {
  type Clock,
  isError,
  type Lease,
  type Logger,
  type Milliseconds,
  minutes,
  retryOf,
  type Startable,
  silentLogger,
  wei,
} from "@rivulet/primitives";
import type {
  Activity,
  Broker,
  GasPrice,
  Redemption,
  RedemptionOutcome,
  Rounds,
  Senders,
  TicketStore,
  TransactionHash,
  WinnerRecord,
  WinnerSink,
  WinnerState,
} from "./ports.ts";
import {
  clockObstacle,
  closingRound,
  costOf,
  expiryRound,
  failureText,
  fundsObstacle,
  type GasLimits,
  gasObstacle,
  isHopeless,
  isUndecided,
  isWait,
  type Obstacle,
  obstacleIn,
  obstacleOf,
  worthRedeeming,
} from "./redemption-rules.ts";
import type { SenderMonitor } from "./sender-monitor.ts";
import type { TicketHash, WinningTicket } from "./ticket.ts";

/** How a queue redeems. */
export interface RedemptionQueueOptions extends GasLimits {
  /**
   * L1 blocks after which a redemption counts as final; before, it is looked for again, as the chain may drop it. With 0,
   * the default, it is final when the transaction is included.
   */
  readonly confirmations?: bigint;
}

/** The ports of a redemption queue. */
export interface RedemptionQueuePorts {
  readonly store: TicketStore;
  readonly broker: Broker;
  readonly rounds: Rounds;
  readonly senders: Senders;
  readonly activity: Activity;
  readonly gas: GasPrice;
  readonly monitor: SenderMonitor;
  readonly clock: Clock;
  readonly log?: Logger;
}

/** A winner that is not paid yet, and what it waits for. */
export interface WaitingWinner {
  readonly record: WinnerRecord;
  /** Absent when it is tried at the next opportunity. */
  readonly obstacle?: Obstacle;
  /** No try before this L1 block. */
  readonly notBefore: bigint;
  /** Whether a transaction for it is under way. */
  readonly isInFlight: boolean;
}

/** Winners kept in memory, some 1 KiB each. Those beyond stay in the store until there is room. */
const MAX_HELD = 10_000;
/** Winners read from the store at once. */
const PAGE = 500;
/** Winners whose payment is asked of the chain at one wake-up; the others have their turn at the next block. */
const MAX_ASSESSED = 64;
/** Transactions under way. More would only wait for each other, as their account has one row of nonces. */
const MAX_FLIGHTS = 4;
/** Tickets in one transaction, well within the gas of a block. */
const MAX_BATCH = 16;
/** Blocks, about a minute of them, until the chain is asked again about a winner that has to wait; more when many do. */
const RECHECK_BLOCKS = 5;
/** Blocks until the first new try after a failure; doubled with each, up to the longest. */
const FIRST_BACKOFF_BLOCKS = 2n;
const MAX_BACKOFF_BLOCKS = 64n;
/** Each costs gas, and what failed three times fails again. */
const MAX_FAILED_TRANSACTIONS = 3;
/** How long a transaction of unknown fate is waited for: as long as the sending of it takes at most, replacements included. */
const PATIENCE: Milliseconds = minutes(10);

/**
 * Winning tickets, from the moment they are on disk until the contract has paid, or never can.
 *
 * - None is shown to the chain before its parameters have expired.
 * - Those whose last round is nearest come first; one that has to wait holds up nobody.
 * - A redemption is sent when what it would bring, at the latest block, is more than it costs. While there is a later round
 *   to redeem in, it also waits for the full face value and for cheap gas.
 * - One transaction for a ticket, and one for a sender: two at once could overdraw its reserve. Tickets of one sender go
 *   together when its deposit pays them all.
 * - Each try begins with the question whether the ticket is used already, so that it can be made again after any crash.
 * - What stands in the way is kept, told, and becomes the reason when the ticket expires.
 *
 * Works when a block or round comes and whenever winners or funds change. `stop` starts no new tries and ends the waiting
 * for those under way; the next start looks for their outcome.
 */
export class RedemptionQueue implements Startable, WinnerSink {
  readonly #options: RedemptionQueueOptions;
  readonly #ports: RedemptionQueuePorts;
  readonly #log: Logger;
  readonly #entries = new Map<TicketHash, Entry>();
  readonly #flights = new Set<Promise<void>>();
  readonly #flyingSenders = new Set<Address>();
  readonly #stopped = new AbortController();
  #watches: readonly Disposable[] = [];
  #isBehind = false;
  #isWoken = false;
  #isPassing = false;
  #pass: Promise<void> | undefined;

  constructor(options: RedemptionQueueOptions, ports: RedemptionQueuePorts) {
    this.#options = options;
    this.#ports = ports;
    this.#log = ports.log ?? silentLogger;
  }

  /** Takes up all winners of the store that are not settled, whoever sent them. */
  async start(): Promise<void> {
    await this.#refill();
    if (this.#stopped.signal.aborted) {
      this.#clear();
      return;
    }
    this.#watches = [
      this.#ports.rounds.onBlock(() => this.#wake()),
      this.#ports.rounds.onRound(() => this.#recheck(undefined)),
      this.#ports.senders.onChanged((sender) => this.#recheck(sender)),
    ];
    this.#wake();
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new Error("redemption queue stopped"));
    for (const watch of this.#watches) watch[Symbol.dispose]();
    this.#watches = [];
    await this.whenIdle();
    this.#clear();
  }

  add(winners: readonly WinnerRecord[]): void {
    if (this.#stopped.signal.aborted) return;
    for (const record of winners) this.#hold(record);
    this.#wake();
  }

  /** All that are held, the most urgent first. */
  waiting(): readonly WaitingWinner[] {
    return this.#byUrgency().map(({ record, obstacle, notBefore, isInFlight }) => ({
      record,
      ...(obstacle === undefined ? {} : { obstacle }),
      notBefore,
      isInFlight,
    }));
  }

  /** Resolves when nothing is under way: what is left waits for a block, for funds or for cheaper gas. */
  async whenIdle(): Promise<void> {
    while (this.#isPassing || this.#flights.size > 0) await Promise.all([this.#pass, ...this.#flights]);
  }

  #clear(): void {
    for (const entry of this.#entries.values()) entry.pending.release();
    this.#entries.clear();
  }

  #hold(record: WinnerRecord): void {
    if (this.#entries.has(record.hash) || isSettled(record.state)) return;
    if (this.#entries.size >= MAX_HELD) {
      this.#isBehind = true;
      return;
    }
    const { sender, faceValue } = record.winner.ticket;
    this.#entries.set(record.hash, new Entry(record, this.#ports.monitor.hold(sender, wei(faceValue))));
  }

  async #refill(): Promise<void> {
    this.#isBehind = false;
    for (let after = 0; !this.#isBehind; ) {
      const page = await this.#ports.store.winners({ states: ["queued", "submitted"], after, limit: PAGE });
      for (const record of page) this.#hold(record);
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) return;
      after = last.sequence;
    }
  }

  /** Forgets when those were to be asked about again that wait for a sender's funds, or for anybody's. */
  #recheck(sender: Address | undefined): void {
    for (const entry of this.#entries.values())
      if (entry.isWaiting && (sender === undefined || entry.sender === sender)) entry.notBefore = 0n;
    this.#wake();
  }

  #wake(): void {
    this.#isWoken = true;
    if (this.#isPassing || this.#stopped.signal.aborted) return;
    this.#isPassing = true;
    this.#pass = this.#passes();
  }

  async #passes(): Promise<void> {
    while (this.#isWoken && !this.#stopped.signal.aborted) {
      this.#isWoken = false;
      try {
        if (this.#isBehind && this.#entries.size < MAX_HELD / 2) await this.#refill();
        await this.#passOnce();
      } catch (error) {
        // The store or the chain does not answer: everything is as before, and the next block wakes us again.
        if (!this.#stopped.signal.aborted)
          this.#log.warn("redemption pass failed", { reason: obstacleOf(error).reason });
      }
    }
    this.#isPassing = false;
  }

  /** Looks at all whose turn it is, and sends what is worth sending. */
  async #passOnce(): Promise<void> {
    const { rounds, broker } = this.#ports;
    const ready: Assessed[] = [];
    let assessed = 0;
    for (const entry of this.#byUrgency()) {
      if (this.#stopped.signal.aborted || assessed >= MAX_ASSESSED || ready.length >= MAX_BATCH) break;
      if (this.#flights.size >= MAX_FLIGHTS) break;
      if (entry.isInFlight || entry.notBefore > rounds.l1Block) continue;
      const isExpired = rounds.currentRound >= expiryRound(entry.winner, broker.validityRounds);
      if (!isExpired && entry.record.state.kind === "queued") {
        const obstacle = clockObstacle(entry.winner, rounds);
        if (obstacle !== undefined) {
          entry.obstacle = obstacle;
          continue;
        }
        if (this.#flyingSenders.has(entry.sender)) continue;
      }
      assessed += 1;
      await this.#attempt(entry, async () => {
        const payout = isExpired ? await this.#expire(entry) : await this.#assess(entry);
        if (payout !== undefined && isPayable(entry, payout, ready)) ready.push({ entry, ...payout });
      });
    }
    await this.#send(ready);
    if (ready.length >= MAX_BATCH) this.#isWoken = true;
  }

  /** Does something with one winner. Whatever goes wrong is written down for it, and holds up no other. */
  async #attempt(entry: Entry, work: () => Promise<void>): Promise<void> {
    try {
      try {
        await work();
      } catch (error) {
        await this.#fail(entry, error);
      }
      await this.#note(entry);
    } catch (error) {
      // The store does not write. What is paid stays paid: the next look at this winner asks the contract first.
      const obstacle = obstacleOf(error);
      entry.wait(obstacle, this.#later());
      this.#log.error("winner not written down", { ticket: entry.record.hash, reason: obstacle.reason });
    }
  }

  /** What a winner would bring now, or `undefined` after noting what it waits for. */
  async #assess(entry: Entry): Promise<Payout | undefined> {
    const { broker, rounds, senders, gas, activity } = this.#ports;
    const { signal } = this.#stopped;
    if (await this.#isPaid(entry)) return undefined;
    if (entry.record.state.kind === "submitted") {
      // A clock that was set back would have us wait for long: then the transaction is sent again, which does no harm.
      const waited = this.#ports.clock.now() - entry.record.state.at;
      if (waited >= 0 && waited < PATIENCE && !entry.isConfirming) {
        entry.wait({ code: "chain.transaction-timeout", reason: "its transaction is not included yet" }, this.#later());
        return undefined;
      }
      const reason = "the chain does not have the transaction any more";
      await this.#set(entry, { kind: "queued" }, failureText({ code: "chain.transaction-timeout", reason }));
      entry.isConfirming = false;
    }
    const { ticket } = entry.winner;
    const funds = await senders.funds(ticket.sender, signal);
    const closing = closingRound(entry.winner, broker.validityRounds, funds.withdrawRound);
    const isLastRound = rounds.currentRound + 1n >= closing;
    const tooDear = gasObstacle(gas.current, this.#options, isLastRound);
    if (tooDear !== undefined) {
      entry.wait(tooDear, this.#later());
      return undefined;
    }
    if (funds.withdrawRound > 0n && rounds.currentRound >= funds.withdrawRound) {
      entry.wait({ code: "chain.sender-unlocked", reason: "the sender may withdraw its funds" }, this.#later());
      return undefined;
    }
    const payout = await broker.payout(entry.winner, signal);
    const obstacle = fundsObstacle(payout, ticket.faceValue, isLastRound);
    if (obstacle === undefined) return { payout, deposit: funds.deposit };
    const isActive = await activity.isActive(ticket.recipient, rounds.lastInitializedRound, signal);
    entry.wait(
      isActive
        ? obstacle
        : { code: "payment.recipient-inactive", reason: `not active in round ${rounds.currentRound}` },
      this.#later(),
    );
    return undefined;
  }

  /** The chain takes the ticket no more: it was paid, or it is lost for the reason it waited for. */
  async #expire(entry: Entry): Promise<undefined> {
    if (await this.#isPaid(entry)) return;
    await this.#lose(entry, entry.obstacle ?? { code: "chain.ticket-expired", reason: "nobody tried in time" });
  }

  /** Whether the contract has paid already, by a transaction whose outcome was not written down. */
  async #isPaid(entry: Entry): Promise<boolean> {
    const { broker } = this.#ports;
    const { signal } = this.#stopped;
    if (!(await broker.isUsed(entry.record.hash, signal))) return false;
    const { state } = entry.record;
    const redemption = await broker.redemption(
      entry.winner,
      state.kind === "submitted" ? state.transaction : undefined,
      signal,
    );
    if (redemption === undefined) {
      // Paid, and nobody says how much: to call it lost would be a lie, so it is asked for again.
      const reason = "the chain does not tell what was paid for it";
      entry.wait({ code: "chain.ticket-used", reason }, this.#ports.rounds.l1Block + MAX_BACKOFF_BLOCKS);
    } else {
      await this.#settle(entry, redemption);
    }
    return true;
  }

  /** Sends what is worth it: in one transaction when that is cheaper, else one each. */
  async #send(ready: readonly Assessed[]): Promise<void> {
    if (ready.length === 0) return;
    const { broker, gas } = this.#ports;
    const gasOf = (tickets: number) => broker.redemptionGas(tickets);
    const sorted = ready.toSorted((a, b) => (a.payout < b.payout ? 1 : a.payout > b.payout ? -1 : 0));
    const isBatchCheaper = ready.length > 1 && gasOf(ready.length) < BigInt(ready.length) * gasOf(1);
    const share = isBatchCheaper ? gasOf : (tickets: number) => BigInt(tickets) * gasOf(1);
    const count = worthRedeeming(
      sorted.map(({ payout }) => payout),
      gas.current,
      share,
    );
    const cost = share(Math.max(count, 1)) * gas.current;
    for (const { entry, payout } of sorted.slice(count)) {
      const reason = `${payout} wei would be paid, and gas would cost ${cost / BigInt(Math.max(count, 1))}`;
      await this.#attempt(entry, async () =>
        entry.wait({ code: "payment.redemption-unprofitable", reason }, this.#together()),
      );
    }
    const worth = sorted.slice(0, count).map(({ entry }) => entry);
    if (isBatchCheaper) this.#launch(worth);
    else for (const entry of onePerSender(worth).slice(0, MAX_FLIGHTS - this.#flights.size)) this.#launch([entry]);
  }

  #launch(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    for (const entry of entries) {
      entry.isInFlight = true;
      this.#flyingSenders.add(entry.sender);
    }
    const flight = this.#fly(entries).finally(() => {
      for (const entry of entries) {
        entry.isInFlight = false;
        this.#flyingSenders.delete(entry.sender);
      }
      this.#flights.delete(flight);
      this.#wake();
    });
    this.#flights.add(flight);
  }

  async #fly(entries: readonly Entry[]): Promise<void> {
    const { broker, clock } = this.#ports;
    const { signal } = this.#stopped;
    const submitted = async (transaction: TransactionHash) => {
      const at = clock.now();
      for (const entry of entries) await this.#set(entry, { kind: "submitted", transaction, at });
    };
    const outcomes = await this.#redeem(entries, () =>
      entries.length === 1 && entries[0] !== undefined
        ? broker.redeem(entries[0].winner, { submitted, signal }).then((redemption) => [redemption])
        : broker.redeemBatch(
            entries.map(({ winner }) => winner),
            { submitted, signal },
          ),
    );
    for (const [index, entry] of entries.entries()) {
      const outcome = outcomes[index] ?? { error: new Error("the broker did not tell the outcome") };
      await this.#attempt(entry, () =>
        "error" in outcome ? this.#fail(entry, outcome.error, outcome.gasCost) : this.#paid(entry, outcome),
      );
    }
  }

  async #redeem(
    entries: readonly Entry[],
    send: () => Promise<readonly RedemptionOutcome[]>,
  ): Promise<readonly RedemptionOutcome[]> {
    try {
      return await send();
    } catch (error) {
      const gasCost = wei(costOf(error) / BigInt(entries.length));
      return entries.map(() => ({ error, gasCost }));
    }
  }

  async #paid(entry: Entry, redemption: Redemption): Promise<void> {
    const confirmations = this.#options.confirmations ?? 0n;
    if (confirmations === 0n) return this.#settle(entry, redemption);
    entry.isConfirming = true;
    entry.wait(
      { code: "chain.transaction-timeout", reason: "paid; the chain could still drop it" },
      this.#ports.rounds.l1Block + confirmations,
    );
    entry.isWaiting = false;
    if (entry.record.state.kind !== "submitted")
      await this.#set(entry, { kind: "submitted", transaction: redemption.transaction, at: this.#ports.clock.now() });
  }

  async #settle(entry: Entry, { transaction, paid, gasCost }: Redemption): Promise<void> {
    const at = this.#ports.clock.now();
    const cost = wei(gasCost + entry.spent);
    await this.#set(entry, { kind: "redeemed", transaction, paid, gasCost: cost, at });
    this.#drop(entry);
    const { sender, faceValue } = entry.winner.ticket;
    this.#log.info("winner redeemed", {
      ticket: entry.record.hash,
      sender,
      faceValue,
      paid,
      gasCost: cost,
      transaction,
    });
  }

  async #lose(entry: Entry, { code, reason }: Obstacle): Promise<void> {
    const { state } = entry.record;
    await this.#set(entry, {
      kind: "lost",
      why: code,
      reason,
      at: this.#ports.clock.now(),
      ...(state.kind === "submitted" ? { transaction: state.transaction } : {}),
      gasCost: wei(entry.spent),
    });
    this.#drop(entry);
    const { sender, faceValue } = entry.winner.ticket;
    this.#log.warn("winner lost", { ticket: entry.record.hash, sender, faceValue, why: code, reason });
  }

  /** What became of a try that did not work. */
  async #fail(entry: Entry, error: unknown, gasCost = wei(0n)): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    const obstacle = obstacleOf(error);
    const { l1Block } = this.#ports.rounds;
    entry.spent += gasCost;
    if (isHopeless(error)) return this.#lose(entry, obstacle);
    if (isError(error, "chain.transaction-failed")) {
      entry.failedTransactions += 1;
      if (entry.failedTransactions >= MAX_FAILED_TRANSACTIONS) return this.#lose(entry, obstacle);
    }
    const isSubmitted = entry.record.state.kind === "submitted";
    if (isSubmitted && isUndecided(error)) return entry.wait(obstacle, this.#later());
    if (isError(error, "chain.ticket-used")) return entry.wait(obstacle, 0n);
    if (isWait(error)) {
      entry.wait(obstacle, this.#later());
      if (isSubmitted) await this.#set(entry, { kind: "queued" });
      return;
    }
    entry.wait(obstacle, l1Block + backoff(entry.failures));
    entry.isWaiting = false;
    entry.failures += 1;
    const fields = { ticket: entry.record.hash, code: obstacle.code, reason: obstacle.reason };
    // What does not pass by itself, such as an account without gas money, is somebody's to set right before the ticket expires.
    if (retryOf(error) === "never") this.#log.error("redemption failed", fields);
    else this.#log.warn("redemption failed", fields);
    await this.#set(entry, { kind: "queued" }, failureText(obstacle));
  }

  /** Writes down what a winner waits for when it is something new, for those who ask the store, and for the next start. */
  async #note({ obstacle, record }: Entry): Promise<void> {
    const entry = this.#entries.get(record.hash);
    if (entry === undefined || obstacle === undefined || obstacle.code === "chain.transaction-timeout") return;
    if (obstacleIn(record.lastFailure)?.code === obstacle.code) return;
    await this.#set(entry, record.state, failureText(obstacle));
  }

  async #set(entry: Entry, state: WinnerState, failure?: string): Promise<void> {
    const { record } = entry;
    await this.#ports.store.setWinner(record.hash, state, failure);
    entry.record = {
      ...record,
      state,
      ...(failure === undefined ? {} : { failures: record.failures + 1, lastFailure: failure }),
    };
  }

  #drop(entry: Entry): void {
    entry.pending.release();
    this.#entries.delete(entry.record.hash);
  }

  /** Those that wait take at most half of what is asked at a wake-up, so that new ones have their turn. */
  #later(): bigint {
    const blocks = Math.max(RECHECK_BLOCKS, Math.ceil((2 * this.#entries.size) / MAX_ASSESSED));
    return this.#ports.rounds.l1Block + BigInt(blocks);
  }

  /** The same block for all that are not worth a transaction of their own, so that they meet and may share one. */
  #together(): bigint {
    const interval = BigInt(RECHECK_BLOCKS);
    return (this.#ports.rounds.l1Block / interval + 1n) * interval;
  }

  #byUrgency(): Entry[] {
    return [...this.#entries.values()].sort((a, b) => {
      const rounds = a.winner.ticket.expiration.creationRound - b.winner.ticket.expiration.creationRound;
      return rounds === 0n ? a.record.sequence - b.record.sequence : rounds < 0n ? -1 : 1;
    });
  }
}

interface Payout {
  readonly payout: bigint;
  /** What the sender has left that is nobody's in particular. */
  readonly deposit: bigint;
}

interface Assessed extends Payout {
  readonly entry: Entry;
}

/** A winner in memory, and how its redemption goes. */
class Entry {
  record: WinnerRecord;
  readonly pending: Lease;
  obstacle: Obstacle | undefined;
  notBefore = 0n;
  /** It waits for something that may come at any time, and not because a try failed. */
  isWaiting = false;
  isInFlight = false;
  /** Paid, but not yet beyond doubt. */
  isConfirming = false;
  failedTransactions = 0;
  /** Tries in vain since the start. */
  failures = 0;
  /** Wei, for tries that came to nothing. */
  spent = 0n;

  constructor(record: WinnerRecord, pending: Lease) {
    this.record = record;
    this.pending = pending;
    this.obstacle = obstacleIn(record.lastFailure);
  }

  get winner(): WinningTicket {
    return this.record.winner;
  }

  get sender(): Address {
    return this.record.winner.ticket.sender;
  }

  wait(obstacle: Obstacle, notBefore: bigint): void {
    this.obstacle = obstacle;
    this.notBefore = notBefore;
    this.isWaiting = true;
  }
}

function isSettled({ kind }: WinnerState): boolean {
  return kind === "redeemed" || kind === "lost";
}

/** Whether the sender can pay this one after those that are ready to be sent. */
function isPayable(entry: Entry, { deposit }: Payout, ready: readonly Assessed[]): boolean {
  const before = ready.filter((other) => other.entry.sender === entry.sender);
  if (before.length === 0) return true;
  const faces = before.reduce((sum, other) => sum + other.entry.winner.ticket.faceValue, entry.winner.ticket.faceValue);
  return faces <= deposit;
}

function onePerSender(entries: readonly Entry[]): readonly Entry[] {
  const first = new Map<Address, Entry>();
  for (const entry of entries) if (!first.has(entry.sender)) first.set(entry.sender, entry);
  return [...first.values()];
}

function backoff(failures: number): bigint {
  const blocks = FIRST_BACKOFF_BLOCKS << BigInt(Math.min(failures, 10));
  return blocks < MAX_BACKOFF_BLOCKS ? blocks : MAX_BACKOFF_BLOCKS;
}
