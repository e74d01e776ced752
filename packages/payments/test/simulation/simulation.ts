import { type Address, addressFromBytes, ZERO_ADDRESS } from "@rivulet/crypto";
import {
  type AcceptedPayment,
  CERTAIN_WIN,
  type Payment,
  type PeerTotals,
  type Ticket,
  type TicketHash,
  ticketHashText,
  ticketValue,
  type WinnerState,
  wins,
} from "@rivulet/payments";
import { type ErrorCode, Rational, RivuletError, seconds, wei } from "@rivulet/primitives";
import { MemoryChain, turn } from "@rivulet/testkit";
import { recipientRand, recipientRandHash } from "../../src/recipient-rand.ts";
import { Chance } from "./chance.ts";
import { JumpingClock } from "./clock.ts";
import { type Job, RecipientNode, SenderNode, TICKET_VALUE, type World } from "./nodes.ts";

/** How large a simulation is. */
export interface SimulationSize {
  readonly senders: number;
  readonly recipients: number;
  /** Rounds of 5760 blocks of 12 seconds, 19 hours each. */
  readonly rounds: number;
  readonly paymentsPerStep: number;
}

/** What there is to say about a simulation that found nothing wrong. */
export interface SimulationReport {
  readonly days: number;
  readonly payments: number;
  readonly tickets: number;
  readonly winners: number;
  readonly redeemed: number;
  /** Of these, those that brought less than their face value. */
  readonly partlyPaid: number;
  /** By reason. */
  readonly lost: ReadonlyMap<ErrorCode, number>;
  /** By side and code: `payer payment.params-expired`. */
  readonly refusals: ReadonlyMap<string, number>;
  /** How far the winners are from what was to be expected, in standard deviations. */
  readonly winnersOffBy: number;
  readonly restarts: number;
}

const ROUND_LENGTH = 5760n;
/** Blocks after the end of parameters in which their tickets still win. */
const LOTTERY_GRACE = 20n;
const BLOCK_SECONDS = 12;
/** Gas moves between these: by 50 times. */
const LOWEST_GAS = 2n * 10n ** 6n;
const HIGHEST_GAS = 50n * LOWEST_GAS;
const REDEMPTION_GAS = 350_000n;
/** The most a winner pays. */
const FACE_VALUE = 20n * TICKET_VALUE;
/**
 * Winners are independent draws, so their number has the sum of p(1-p) as its variance, and beyond some hundred of them the
 * normal law. 4 standard deviations are exceeded by 1 run in 16 000: a seed that passes is no luck, and one that does not is
 * a fault.
 */
const DEVIATIONS = 4;

/** What was the case in a round, at any time of it: the evidence against which reasons of losses are held. */
interface RoundRecord {
  highestGas: bigint;
  hadOutage: boolean;
  readonly inactive: Set<Address>;
  readonly poor: Set<Address>;
  readonly unlocking: Set<Address>;
}

/** A job that is on its way for longer than others. */
interface Delayed {
  readonly recipient: RecipientNode;
  readonly job: Job;
  readonly due: bigint;
}

/** A ticket that reached its recipient, and whether it won. */
interface Arrived {
  readonly ticket: Ticket;
  readonly isWinner: boolean;
  readonly recipient: RecipientNode;
}

/**
 * A network of senders and recipients on a chain in memory, in which everything goes wrong that can. All of it follows from
 * the seed.
 */
export class Simulation {
  readonly #size: SimulationSize;
  readonly #chance: Chance;
  readonly #clock = new JumpingClock();
  readonly #chain = new MemoryChain({
    roundLength: ROUND_LENGTH,
    gasPrice: wei(10n ** 7n),
    drops: () => this.#chance.is(0.02),
  });
  readonly #senders: readonly SenderNode[];
  readonly #recipients: readonly RecipientNode[];
  readonly #rounds = new Map<bigint, RoundRecord>();
  readonly #refusals = new Map<string, number>();
  readonly #lost = new Map<ErrorCode, number>();
  readonly #arrived = new Map<TicketHash, Arrived>();
  readonly #creditedOf = new Map<Payment, number>();
  readonly #credited = new Map<RecipientNode, Rational>();
  #delayed: Delayed[] = [];
  #dearUntil = 0n;
  #darkUntil = 0n;
  #payments = 0;
  #restarts = 0;

  constructor(seed: number, size: SimulationSize) {
    this.#size = size;
    this.#chance = new Chance(seed);
    const world: World = { chain: this.#chain, clock: this.#clock, chance: this.#chance };
    this.#senders = Array.from({ length: size.senders }, (_, index) => new SenderNode(`sender ${index}`, world));
    this.#recipients = Array.from({ length: size.recipients }, (_, index) => {
      const limits =
        index % 3 === 0
          ? { maxGasPrice: wei(HIGHEST_GAS / 4n) }
          : index % 3 === 1
            ? { redeemWhenGasBelow: wei(LOWEST_GAS * 4n) }
            : {};
      return new RecipientNode(`recipient ${index}`, world, { ...limits, confirmations: index % 2 === 0 ? 0n : 6n });
    });
  }

  /** Throws with what is wrong. */
  async run(): Promise<SimulationReport> {
    const start = this.#chain.currentRound;
    const startTime = this.#clock.now();
    for (const recipient of this.#recipients) await this.#setUp(recipient);
    for (const [index, sender] of this.#senders.entries()) await this.#fund(sender, index % 4 === 0);
    while (this.#chain.currentRound < start + BigInt(this.#size.rounds)) await this.#step();
    const days = (this.#clock.now() - startTime) / seconds(24 * 60 * 60);
    await this.#calmDown();
    return { days, ...(await this.#examine()) };
  }

  async #setUp(recipient: RecipientNode): Promise<void> {
    this.#chain.activate(recipient.address, this.#chain.currentRound);
    const { store } = recipient;
    const setWinner = store.setWinner.bind(store);
    store.setWinner = async (hash, state, failure) => {
      if (state.kind === "lost") await this.#examineLoss(recipient, hash, state);
      await setWinner(hash, state, failure);
    };
    await recipient.start();
  }

  /** One sender in four has hardly enough for a winner, and buys as much as the others. */
  async #fund(sender: SenderNode, isPoor: boolean): Promise<void> {
    const deposit = isPoor ? FACE_VALUE : FACE_VALUE * BigInt(this.#chance.between(10, 60));
    const share = isPoor ? FACE_VALUE / 2n : FACE_VALUE * BigInt(this.#chance.between(1, 4));
    this.#chain.fund(sender.address, { deposit, reserve: share * BigInt(this.#size.recipients) });
    await sender.start();
  }

  async #step(): Promise<void> {
    this.#moveGas();
    this.#moveEndpoints();
    this.#moveFunds();
    this.#moveOrchestrators();
    this.#record();
    await this.#pass();
    await this.#restart();
    const due = this.#delayed.filter(({ due }) => due <= this.#chain.l1Block);
    this.#delayed = this.#delayed.filter((delayed) => !due.includes(delayed));
    const jobs = [
      ...due.map(
        ({ recipient, job }) =>
          () =>
            this.#deliver(recipient, job).then(() => {}),
      ),
      ...Array.from({ length: this.#size.paymentsPerStep }, () => () => this.#pay()),
    ];
    // All at once, in any order.
    await Promise.all(jobs.sort(() => this.#chance.uniform() - 0.5).map((job) => job()));
    await turn();
  }

  /** Some blocks: often few, sometimes hours of them, of which most nodes only see the last. */
  async #pass(): Promise<void> {
    const chance = this.#chance;
    const kind = chance.uniform();
    const blocks = kind < 0.5 ? chance.between(1, 5) : kind < 0.9 ? chance.between(5, 60) : chance.between(200, 1500);
    await this.#advance(blocks);
    await this.#advance(1);
  }

  async #advance(blocks: number): Promise<void> {
    this.#clock.advance(seconds(blocks * BLOCK_SECONDS));
    this.#chain.jump(BigInt(blocks));
    this.#record();
    await turn();
  }

  /** A walk up and down, and now and then rounds in which gas is dear throughout. */
  #moveGas(): void {
    const chance = this.#chance;
    const { currentRound, gasPrice } = this.#chain;
    if (chance.is(0.003)) this.#dearUntil = currentRound + BigInt(chance.between(1, 4));
    if (!chance.is(0.3)) return;
    const gas = currentRound < this.#dearUntil || chance.is(0.5) ? gasPrice * 2n : gasPrice / 2n;
    this.#chain.gasPrice = wei(gas < LOWEST_GAS ? LOWEST_GAS : gas > HIGHEST_GAS ? HIGHEST_GAS : gas);
  }

  /** Minutes without the chain, and now and then rounds without it. */
  #moveEndpoints(): void {
    const chance = this.#chance;
    const { l1Block } = this.#chain;
    if (chance.is(0.02)) this.#darkUntil = l1Block + BigInt(chance.between(10, 300));
    if (chance.is(0.001)) this.#darkUntil = l1Block + ROUND_LENGTH * 2n;
    this.#chain.isReachable = l1Block >= this.#darkUntil;
  }

  #moveFunds(): void {
    const chance = this.#chance;
    if (!chance.is(0.2)) return;
    const { address } = chance.pick(this.#senders);
    const { withdrawRound, deposit } = this.#chain.fundsOf(address);
    if (deposit < FACE_VALUE / 4n && chance.is(0.1)) this.#chain.fund(address, { deposit: FACE_VALUE * 5n });
    else if (withdrawRound === 0n && deposit > 0n && chance.is(0.3)) this.#chain.unlock(address);
    else if (withdrawRound > this.#chain.currentRound && chance.is(0.3)) this.#chain.cancelUnlock(address);
    else if (withdrawRound > 0n && withdrawRound <= this.#chain.currentRound && deposit > 0n)
      this.#chain.withdraw(address);
  }

  #moveOrchestrators(): void {
    const chance = this.#chance;
    if (chance.is(0.2)) chance.pick(this.#recipients).changePrice();
    if (!chance.is(0.05)) return;
    const { address } = chance.pick(this.#recipients);
    if (chance.is(0.3)) this.#chain.deactivate(address);
    else this.#chain.activate(address);
  }

  async #restart(): Promise<void> {
    const chance = this.#chance;
    for (const [nodes, probability] of [
      [this.#recipients, 0.1],
      [this.#senders, 0.1],
    ] as const) {
      if (!chance.is(probability)) continue;
      const node = chance.pick<RecipientNode | SenderNode>(nodes);
      await node.stop();
      await node.start();
      this.#restarts += 1;
    }
  }

  async #pay(): Promise<void> {
    const chance = this.#chance;
    const sender = chance.pick(this.#senders);
    const recipient = chance.pick(this.#recipients);
    try {
      await sender.pay(recipient, BigInt(chance.between(1, 4)), (job) => this.#send(recipient, job));
      this.#payments += 1;
    } catch (error) {
      this.#refused("payer", error);
      sender.offers.delete(recipient.address);
    }
  }

  /** The network: it loses, doubles, delays and falsifies. Resolves to whether an answer came. */
  async #send(recipient: RecipientNode, job: Job): Promise<boolean> {
    const chance = this.#chance;
    if (chance.is(0.05)) await this.#deliver(recipient, this.#forged(job), true);
    if (chance.is(0.03)) return false;
    if (chance.is(0.08)) {
      const due = this.#chain.l1Block + BigInt(chance.between(1, 100));
      this.#delayed.push({ recipient, job, due });
      if (chance.is(0.5)) return false;
    }
    const isDone = await this.#deliver(recipient, job);
    return isDone && !chance.is(0.03);
  }

  async #deliver(recipient: RecipientNode, job: Job, isForged = false): Promise<boolean> {
    try {
      const accepted = await recipient.accept(job.payment);
      await this.#noteAccepted(recipient, job.payment, accepted, isForged);
      if (accepted.refusal !== undefined) throw accepted.refusal;
      await recipient.work(accepted, job.units);
      return true;
    } catch (error) {
      this.#refused(isForged ? "forger" : "payee", error);
      return false;
    }
  }

  /** The payment as somebody would like to have it who does not want to pay. */
  #forged({ payment, units }: Job): Job {
    const { tickets } = payment;
    const chance = this.#chance;
    if (tickets === undefined) return { payment: { ...payment, expectedPrice: Rational.ZERO }, units };
    const { params } = tickets;
    const forgeries: readonly Payment[] = [
      {
        ...payment,
        tickets: { ...tickets, signed: tickets.signed.map((signed) => ({ ...signed, signature: chance.bytes(65) })) },
      },
      { ...payment, tickets: { ...tickets, params: { ...params, faceValue: params.faceValue * 2n } } },
      { ...payment, tickets: { ...tickets, params: { ...params, expirationBlock: params.expirationBlock + 1000n } } },
      { ...payment, tickets: { ...tickets, params: { ...params, recipient: addressFromBytes(chance.bytes(20)) } } },
      { ...payment, expectedPrice: Rational.of(1n) },
      { ...payment, sender: ZERO_ADDRESS },
      { sender: addressFromBytes(chance.bytes(20)), expectedPrice: payment.expectedPrice ?? Rational.ZERO },
    ];
    return { payment: chance.pick(forgeries), units };
  }

  async #noteAccepted(
    recipient: RecipientNode,
    payment: Payment,
    accepted: AcceptedPayment,
    isForged: boolean,
  ): Promise<void> {
    const { tickets, sender, expectedPrice } = payment;
    if (isForged) return assert(accepted.tickets === 0, "a forged ticket was credited");
    if (tickets === undefined || expectedPrice === undefined) return;
    this.#credited.set(recipient, (this.#credited.get(recipient) ?? Rational.ZERO).plus(accepted.credited));
    const credited = (this.#creditedOf.get(payment) ?? 0) + accepted.tickets;
    assert(credited <= tickets.signed.length, "a ticket was credited twice");
    this.#creditedOf.set(payment, credited);
    const { params, expiration } = tickets;
    const secrets = await recipient.store.recipientSecrets();
    const rand = secrets
      .map(({ secret }) => recipientRand(secret, { ...params, sender, price: expectedPrice, expiration }))
      .find((value) => Buffer.compare(recipientRandHash(value), params.recipientRandHash) === 0);
    assert(rand !== undefined, "a payment was accepted for parameters that nobody issued");
    for (const { senderNonce, signature } of tickets.signed) {
      const ticket: Ticket = { ...params, sender, senderNonce, expiration };
      const isLottery = params.expirationBlock + LOTTERY_GRACE > this.#chain.l1Block;
      const hash = ticketHashText(ticket);
      // A ticket that comes again too late has won when it came in time.
      const hasWon = this.#arrived.get(hash)?.isWinner === true;
      const isWinner = hasWon || (isLottery && wins(signature, rand, params.winProbability));
      this.#arrived.set(hash, { ticket, isWinner, recipient });
    }
  }

  #refused(side: string, error: unknown): void {
    if (!(error instanceof RivuletError)) throw error;
    const key = `${side} ${error.code}`;
    this.#refusals.set(key, (this.#refusals.get(key) ?? 0) + 1);
  }

  /** Notes what is the case now, for the round it is. */
  #record(): void {
    const round = this.#chain.currentRound;
    const record = this.#rounds.get(round) ?? {
      highestGas: 0n,
      hadOutage: false,
      inactive: new Set(),
      poor: new Set(),
      unlocking: new Set(),
    };
    this.#rounds.set(round, record);
    if (this.#chain.gasPrice > record.highestGas) record.highestGas = this.#chain.gasPrice;
    record.hadOutage ||= !this.#chain.isReachable;
    for (const { address } of this.#senders) {
      const { deposit, withdrawRound } = this.#chain.fundsOf(address);
      if (deposit < FACE_VALUE) record.poor.add(address);
      if (withdrawRound > 0n) record.unlocking.add(address);
    }
    for (const { address } of this.#recipients) {
      if (!this.#chain.isActiveNow(address)) record.inactive.add(address);
    }
  }

  /** A loss is believed when the contract would not pay any more, has not paid, and the reason was there. */
  async #examineLoss(recipient: RecipientNode, hash: TicketHash, state: WinnerState & { readonly kind: "lost" }) {
    const winner = this.#arrived.get(hash);
    assert(winner !== undefined, "a ticket was lost that never arrived");
    const { sender, expiration } = winner.ticket;
    const { creationRound } = expiration;
    assert(!this.#chain.redemptions.has(hash), `a ticket was given up (${state.why}) that is paid`);
    assert(creationRound + 2n <= this.#chain.currentRound, `a ticket was given up (${state.why}) that could be paid`);
    const rounds = [creationRound, creationRound + 1n].flatMap((round) => this.#rounds.get(round) ?? []);
    const some = (isSo: (record: RoundRecord) => boolean) => rounds.some(isSo);
    const isTrue: Partial<Record<ErrorCode, () => boolean>> = {
      "chain.gas-price-too-high": () => some(({ highestGas }) => highestGas > LOWEST_GAS * 4n),
      "payment.redemption-unprofitable": () =>
        some(({ highestGas, poor }) => highestGas * REDEMPTION_GAS >= FACE_VALUE || poor.has(sender)),
      "payment.redemption-partial": () => some(({ poor }) => poor.has(sender)),
      "chain.sender-unfunded": () => some(({ poor }) => poor.has(sender)),
      "chain.sender-unlocked": () => some(({ unlocking }) => unlocking.has(sender)),
      "payment.recipient-inactive": () => some(({ inactive }) => inactive.has(recipient.address)),
      "chain.unavailable": () => some(({ hadOutage }) => hadOutage),
    };
    assert(isTrue[state.why]?.() === true, `a ticket was given up for no true reason: ${state.why}: ${state.reason}`);
    this.#lost.set(state.why, (this.#lost.get(state.why) ?? 0) + 1);
  }

  /** No more jobs; the chain goes on until the last ticket is paid or expired. */
  async #calmDown(): Promise<void> {
    this.#chain.isReachable = true;
    this.#chain.gasPrice = wei(LOWEST_GAS);
    const end = this.#chain.currentRound + 3n;
    while (this.#chain.currentRound < end) await this.#advance(this.#chance.between(20, 400));
    for (let block = 0; block < 50; block += 1) await this.#advance(1);
    for (const node of [...this.#recipients, ...this.#senders]) await node.stop();
  }

  async #examine(): Promise<Omit<SimulationReport, "days">> {
    const { redeemed, partlyPaid } = await this.#examineWinners();
    await this.#examineAccounts();
    const { funded, locked, earnedInTotal, withdrawn } = this.#chain;
    assert(funded === locked + earnedInTotal + withdrawn, "wei came from nowhere, or went there");
    return {
      payments: this.#payments,
      tickets: this.#arrived.size,
      winners: [...this.#arrived.values()].filter(({ isWinner }) => isWinner).length,
      redeemed,
      partlyPaid,
      lost: this.#lost,
      refusals: this.#refusals,
      winnersOffBy: this.#winnersOffBy(),
      restarts: this.#restarts,
    };
  }

  /** Every winner that arrived is paid as the chain says, or lost; nothing else is paid. */
  async #examineWinners(): Promise<{ readonly redeemed: number; readonly partlyPaid: number }> {
    let redeemed = 0;
    let partlyPaid = 0;
    for (const recipient of this.#recipients) {
      const records = await recipient.store.winners({ limit: Number.MAX_SAFE_INTEGER });
      const mine = [...this.#arrived].filter(([, arrived]) => arrived.recipient === recipient && arrived.isWinner);
      const known = new Map(records.map((record) => [record.hash, record]));
      assert(known.size === mine.length, "a winner is missing, or one was made up");
      let paid = 0n;
      for (const [hash] of mine) {
        const state = known.get(hash)?.state;
        assert(state !== undefined, "a winner is lost without a trace");
        assert(state.kind === "redeemed" || state.kind === "lost", `a winner is left ${state.kind}`);
        const truth = this.#chain.redemptions.get(hash);
        assert((truth !== undefined) === (state.kind === "redeemed"), "the chain says otherwise");
        if (state.kind !== "redeemed") continue;
        assert(truth !== undefined && state.paid === truth.paid, "the chain paid another amount");
        paid += state.paid;
        redeemed += 1;
        if (state.paid < truth.winner.ticket.faceValue) partlyPaid += 1;
      }
      assert(paid === this.#chain.earned(recipient.address), "what was earned is not what was written down");
    }
    assert(redeemed === this.#chain.redemptions.size, "a ticket was paid that is nobody's");
    return { redeemed, partlyPaid };
  }

  /** What the books of both sides say about each other. */
  async #examineAccounts(): Promise<void> {
    const paid = new Map<string, PeerTotals>();
    for (const { address, store } of this.#senders)
      for (const totals of await store.totals()) paid.set(`${address} ${totals.peer}`, totals);
    for (const recipient of this.#recipients) {
      const all = await recipient.store.totals();
      for (const totals of all) {
        const { credited } = paid.get(`${totals.peer} ${recipient.address}`) ?? { credited: Rational.ZERO };
        assert(totals.credited.compare(credited) <= 0, "a recipient credited more than was sent to it");
      }
      assert(equal(sum(all, "credited"), this.#credited.get(recipient)), "credit came from nowhere, or went there");
      assert(equal(sum(all, "debited"), recipient.charged), "a fee was charged twice, or not at all");
    }
  }

  /** The difference between the winners and their expectation, in standard deviations. Throws beyond the bound. */
  #winnersOffBy(): number {
    let winners = 0;
    let mean = 0;
    let variance = 0;
    for (const { ticket, isWinner } of this.#arrived.values()) {
      const probability = Number(ticket.winProbability) / Number(CERTAIN_WIN);
      const value = ticketValue(ticket);
      assert(value.compare(Rational.of(TICKET_VALUE)) >= 0, "a ticket is worth less than was asked for");
      if (isWinner) winners += 1;
      mean += probability;
      variance += probability * (1 - probability);
    }
    const offBy = (winners - mean) / Math.sqrt(variance);
    assert(Math.abs(offBy) <= DEVIATIONS, `${winners} winners where ${mean.toFixed(1)} were to be expected`);
    return offBy;
  }
}

function sum(all: readonly PeerTotals[], what: "credited" | "debited"): Rational {
  return all.reduce((total, row) => total.plus(row[what]), Rational.ZERO);
}

function equal(a: Rational, b: Rational = Rational.ZERO): boolean {
  return a.compare(b) === 0;
}

function assert(condition: unknown, wrong: string): asserts condition {
  if (condition !== true) throw new Error(wrong);
}
