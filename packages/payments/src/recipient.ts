import { createSecretKey, type KeyObject } from "node:crypto";
import { type Address, bigInteger, ZERO_ADDRESS } from "@rivulet/crypto";
import {
  type Clock,
  invariant,
  type L1BlockNumber,
  type Logger,
  l1BlockNumber,
  ms,
  type Randomness,
  Rational,
  RivuletError,
  type Startable,
  type Wei,
} from "@rivulet/primitives";
import type { AccountKey } from "./account.ts";
import { type FaceValueTerms, faceValue, TX_COST_MULTIPLIER, txCostMultiplier } from "./face-value.ts";
import type { Ledger } from "./ledger.ts";
import type {
  Activity,
  GasPrice,
  MaxFloats,
  NonceState,
  Rounds,
  SenderFunds,
  Senders,
  SignatureRecovery,
  TicketStore,
  WinnerSink,
} from "./ports.ts";
import { recipientRand, recipientRandHash } from "./recipient-rand.ts";
import { type Payment, type SignedTicket, type Ticket, type TicketBatch, ticketHash, wins } from "./ticket.ts";
import type { TicketExpiration, TicketParams } from "./ticket-params.ts";
import { isUnlockingSoon } from "./unlocking.ts";
import { ticketValue, winProbability } from "./win-probability.ts";

/** How long parameters are good for, in L1 blocks: about eight minutes. Source: payments 4.5. */
export const PARAMS_LIFETIME = 40n;
/** Nonces are kept for so many blocks after their parameters expired, for payments on their way and chains that step back. */
const NONCES_GRACE = 20n;
/** Nonces are forgotten in one sweep per so many blocks. */
const FORGET_EVERY = 10n;
/** A secret is replaced at the first start after so long; parameters out at that moment stay good. */
const SECRET_LIFETIME = ms(30 * 24 * 60 * 60_000);
const SECRET_BYTES = 32;
const HASH_BYTES = 32;
const BAD_SIGNATURE = "invalid ticket signature";

export interface RecipientOptions {
  /** Who is paid: the orchestrator's account on the chain, whoever holds the node's key. */
  readonly address: Address;
  /** What one ticket shall be worth. */
  readonly ticketValue: Wei;
  /** The most a winner may pay; 0 for no limit. */
  readonly maxFaceValue: Wei;
  /** Gas that redeeming one ticket takes. */
  readonly redemptionGas: bigint;
}

export interface RecipientPorts {
  readonly rounds: Rounds;
  readonly senders: Senders;
  readonly floats: MaxFloats;
  readonly gasPrice: GasPrice;
  readonly activity: Activity;
  readonly recovery: SignatureRecovery;
  readonly store: TicketStore;
  readonly ledger: Ledger;
  /** Where winners go once they are on disk. */
  readonly winners: WinnerSink;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly log: Logger;
}

/** What a payment is for. */
export interface PaymentTerms {
  /** The account's name among those of this sender. Source: payments 7.1. */
  readonly id: string;
  /**
   * What a unit is charged when the payer expects `expected`: one of our own recent quotes, never more than that.
   * `undefined` when all of them are higher.
   */
  quoted(expected: Rational): Rational | undefined;
}

/** What a payment brought. */
export interface AcceptedPayment {
  readonly account: AccountKey;
  /** Wei for a unit, to be charged for the job. */
  readonly price: Rational;
  /** How many tickets were credited, and what they are worth together. */
  readonly tickets: number;
  readonly credited: Rational;
  readonly winners: number;
  /** What is on the account now. */
  readonly balance: Rational;
  /** Why some of its tickets were not credited: then the request fails with it, though what was credited stays. */
  readonly refusal: RivuletError | undefined;
}

/**
 * Issues ticket parameters, and takes the tickets that come back.
 *
 *     const params = await recipient.issue(sender, price); // "payment.reserve-insufficient"
 *     …
 *     const accepted = await recipient.accept(decodePayment(header), { id: `27_${model}`, quoted });
 *     if (accepted.refusal !== undefined) throw accepted.refusal;
 *     using hold = ledger.hold(accepted.account, feeFor(price, work));
 *     const result = await run(job);
 *     await hold.settle(fee);
 *
 * Once `accept` has resolved, nonces, winners and credit of the payment are on disk. Its secret and the nonces are kept in
 * one store: as long as it knows its own parameters, it knows which tickets it has taken.
 *
 * Listens to blocks from `start` to `stop`, to forget what can no longer be replayed.
 */
export class Recipient implements Startable {
  readonly #options: RecipientOptions;
  readonly #ports: RecipientPorts;
  /** Newest first. */
  #secrets: readonly KeyObject[] = [];
  #blocks: Disposable | undefined;
  #forgottenTo = 0n;
  #forgetting: Promise<void> = Promise.resolve();

  constructor(options: RecipientOptions, ports: RecipientPorts) {
    this.#options = options;
    this.#ports = ports;
  }

  async start(): Promise<void> {
    const { store, clock, randomness, rounds } = this.#ports;
    const [newest] = await store.recipientSecrets();
    if (newest === undefined || clock.now() - newest.createdAt > SECRET_LIFETIME) {
      const generation = (newest?.generation ?? 0) + 1;
      await store.addRecipientSecret({ generation, secret: randomness.bytes(SECRET_BYTES), createdAt: clock.now() });
    }
    const secrets = await store.recipientSecrets();
    this.#secrets = secrets.map(({ secret }) => createSecretKey(secret));
    this.#blocks = rounds.onBlock((block) => this.#forget(block));
    this.#forget(rounds.l1Block);
  }

  async stop(): Promise<void> {
    this.#blocks?.[Symbol.dispose]();
    this.#blocks = undefined;
    await this.#forgetting;
  }

  get address(): Address {
    return this.#options.address;
  }

  /** What a ticket is worth that was issued for work that costs something. */
  get ticketValue(): Wei {
    return this.#options.ticketValue;
  }

  /**
   * Parameters for this sender at this price, good for some minutes. Nothing is kept of them. Free work takes no tickets, and
   * gets parameters for tickets worth nothing.
   *
   * Throws "payment.reserve-insufficient" when the sender's funds do not cover a winner, and what the chain throws.
   */
  async issue(sender: Address, price: Rational, signal?: AbortSignal): Promise<TicketParams> {
    invariant(price.numerator >= 0n, "a recipient does not pay for its work");
    const { rounds, randomness } = this.#ports;
    const isFree = price.numerator === 0n;
    const value = isFree ? 0n : faceValue(await this.#terms(sender, signal));
    const terms = {
      seed: bigInteger(randomness.bytes(SECRET_BYTES)),
      sender,
      faceValue: value,
      winProbability: isFree ? 0n : winProbability(this.#options.ticketValue, value),
      expirationBlock: rounds.l1Block + PARAMS_LIFETIME,
      price,
      expiration: rounds.creation,
    };
    return {
      recipient: this.#options.address,
      faceValue: terms.faceValue,
      winProbability: terms.winProbability,
      recipientRandHash: recipientRandHash(recipientRand(this.#secretInUse, terms)),
      seed: terms.seed,
      expirationBlock: terms.expirationBlock,
      expiration: terms.expiration,
    };
  }

  /**
   * How many times the cost of redeeming it a winner of this sender brings; `undefined` when redeeming is free. What is
   * asked of the sender is raised by its inverse. Source: payments 4.6, 13.4.
   */
  async txCostMultiplier(sender: Address, signal?: AbortSignal): Promise<Rational | undefined> {
    return txCostMultiplier(await this.#terms(sender, signal));
  }

  /**
   * Takes a payment: checks it, credits its tickets, queues winners. Source: payments 5.
   *
   * Throws when nothing of it was taken: "payment.sender-missing", "payment.recipient-inactive", "payment.price-missing",
   * "payment.price-too-low", "payment.sender-unreadable", "payment.sender-unlocking", "payment.reserve-insufficient",
   * "payment.ticket-invalid", "payment.params-unknown". Tickets are refused one by one: "payment.ticket-invalid", "payment.nonce-reused",
   * "payment.nonces-exhausted", "payment.params-expired"; those after the first refused one are not credited, and `refusal`
   * is the last one's.
   */
  async accept(payment: Payment, terms: PaymentTerms, signal?: AbortSignal): Promise<AcceptedPayment> {
    const { sender, tickets, expectedPrice } = payment;
    const account: AccountKey = { side: "payee", peer: sender, id: terms.id };
    if (tickets === undefined) return this.#accepted(account, this.#price(account, expectedPrice, terms));
    if (sender === ZERO_ADDRESS) throw refused("payment.sender-missing", "tickets from nobody");
    // What we did not issue is refused before anything is asked of the chain: strangers cannot make us ask.
    const isOurs = tickets.params.recipient === this.#options.address;
    if (isOurs) await this.#checkActivity(signal);
    if (expectedPrice === undefined) throw refused("payment.price-missing", "expected price is nil");
    const price = this.#price(account, expectedPrice, terms);
    if (!isOurs) throw refused("payment.ticket-invalid", "invalid ticket recipient");
    const rand = this.#checkedRand(sender, tickets, expectedPrice);
    const funds = await this.#checkedFunds(sender, signal);
    // Tickets of free work are worth nothing, and nothing is written for those who lock no money.
    if (ticketValue(tickets.params).numerator === 0n) return this.#accepted(account, price);
    await this.#checkCover(sender, funds, signal);
    return this.#take({ account, price, sender, tickets, rand }, signal);
  }

  async #take({ account, price, sender, tickets, rand }: CheckedPayment, signal?: AbortSignal) {
    const { ledger, recovery, rounds, store, winners, clock, log } = this.#ports;
    const { params, signed } = tickets;
    const all = signed.map((ticket) => ({ ...ticket, hash: ticketHash(ticketOf(sender, tickets, ticket)) }));
    const signers = await recovery.recover(all, signal);
    const isSigned = signers.map((signer) => signer === sender);
    const genuine = all.filter((_, index) => isSigned[index]);
    const isExpired = params.expirationBlock <= rounds.l1Block;
    // Once a winner was redeemed everybody knows the number, and a lottery of long ago can be won at will.
    const isLottery = params.expirationBlock + NONCES_GRACE > rounds.l1Block;
    const firstForged = isSigned.indexOf(false);
    const value = ticketValue(params);
    using _ = ledger.use(account);
    const at = clock.now();
    const taken = await store.take({
      recipientRandHash: params.recipientRandHash,
      expirationBlock: params.expirationBlock,
      nonces: genuine.map(({ senderNonce }) => senderNonce),
      creditable: isExpired ? 0 : firstForged === -1 ? genuine.length : firstForged,
      ticketValue: value,
      winners: genuine
        .filter(({ signature }) => isLottery && wins(signature, rand, params.winProbability))
        .map((ticket) => ({
          ticket: ticketOf(sender, tickets, ticket),
          signature: ticket.signature,
          recipientRand: rand,
          paramsExpirationBlock: params.expirationBlock,
        })),
      account,
      fixedPrice: price,
      at,
    });
    const credited = value.times(BigInt(taken.credited));
    if (taken.credited > 0) {
      const hasPrice = ledger.fixedPrice(account) !== undefined;
      ledger.booked({ key: account, credited, ...(hasPrice ? {} : { fixedPrice: price }), touchedAt: at });
    }
    if (taken.winners.length > 0) {
      log.info("tickets won", { sender, tickets: taken.winners.length, faceValueWei: params.faceValue });
      winners.add(taken.winners);
    }
    const refusal = lastRefusal(isSigned, taken.nonces, isExpired);
    return {
      ...this.#accepted(account, price),
      tickets: taken.credited,
      credited,
      winners: taken.winners.length,
      refusal,
    };
  }

  #accepted(account: AccountKey, price: Rational): AcceptedPayment {
    return {
      account,
      price,
      tickets: 0,
      credited: Rational.ZERO,
      winners: 0,
      balance: this.#ports.ledger.balance(account) ?? Rational.ZERO,
      refusal: undefined,
    };
  }

  /** One of our quotes, or the price that was agreed on when the account was opened. */
  #price(account: AccountKey, expected = Rational.ZERO, terms: PaymentTerms): Rational {
    const quoted = terms.quoted(expected);
    if (quoted !== undefined) return quoted;
    const fixed = this.#ports.ledger.fixedPrice(account);
    if (fixed !== undefined && fixed.compare(expected) <= 0) return fixed;
    throw refused("payment.price-too-low", `${expected} wei for a unit are below what was told`);
  }

  /** When the chain does not tell, we count as active: a round lost is worse than some tickets to redeem later. */
  async #checkActivity(signal?: AbortSignal): Promise<void> {
    const { rounds, activity, log } = this.#ports;
    const { address } = this.#options;
    const round = rounds.lastInitializedRound;
    const isActive = await activity.isActive(address, round, signal).catch((error: unknown) => {
      signal?.throwIfAborted();
      log.warn("whether this orchestrator is active could not be read", { round, reason: String(error) });
      return true;
    });
    if (isActive) return;
    const reason = `orchestrator ${address} is inactive in round ${round}, cannot process payments`;
    throw refused("payment.recipient-inactive", reason);
  }

  async #checkedFunds(sender: Address, signal?: AbortSignal): Promise<SenderFunds> {
    const funds = await this.#ports.senders.funds(sender, signal).catch((cause: unknown) => {
      signal?.throwIfAborted();
      const reason = `could not get sender info for ${sender}`;
      throw new RivuletError("payment.sender-unreadable", { reason }, { cause });
    });
    if (isUnlockingSoon(funds, this.#ports.rounds)) {
      const reason = `deposit and reserve for sender ${sender} is set to unlock soon`;
      throw refused("payment.sender-unlocking", reason);
    }
    return funds;
  }

  /**
   * Refuses tickets of a sender that owes more for its winners than it has. When its parameters were issued it was good for
   * one of them; whoever has many sets could go on until they expire, and be paid for with nothing. While nobody tells what
   * it owes, what was issued stays good.
   */
  async #checkCover(sender: Address, { deposit }: SenderFunds, signal?: AbortSignal): Promise<void> {
    const { floats, log } = this.#ports;
    const maxFloat = await floats.maxFloat(sender, signal).catch((error: unknown) => {
      signal?.throwIfAborted();
      log.warn("what a sender is good for could not be read", { sender, reason: String(error) });
      return undefined;
    });
    if (maxFloat === undefined || maxFloat + deposit > 0n) return;
    const reason = `insufficient sender reserve: the winners of ${sender} wait for more than it has`;
    throw refused("payment.reserve-insufficient", reason);
  }

  /** The secret number of these parameters, once it is known that we issued them to this sender, and at this price. */
  #checkedRand(sender: Address, { params, expiration }: TicketBatch, price: Rational): bigint {
    const { seed, faceValue, winProbability, expirationBlock } = params;
    const terms = { seed, sender, faceValue, winProbability, expirationBlock, price, expiration };
    if (isDated(expiration)) {
      for (const secret of this.#secrets) {
        const rand = recipientRand(secret, terms);
        if (Buffer.compare(recipientRandHash(rand), params.recipientRandHash) === 0) return rand;
      }
    }
    throw refused("payment.params-unknown", "invalid recipientRand for ticket recipientRandHash");
  }

  async #terms(sender: Address, signal?: AbortSignal): Promise<FaceValueTerms> {
    const { ticketValue: expectedValue, maxFaceValue, redemptionGas } = this.#options;
    const { floats, gasPrice } = this.#ports;
    return {
      expectedValue,
      redemptionGas,
      gasPrice: gasPrice.current,
      txCostMultiplier: TX_COST_MULTIPLIER,
      maxFloat: await floats.maxFloat(sender, signal),
      maxFaceValue,
    };
  }

  get #secretInUse(): KeyObject {
    const [newest] = this.#secrets;
    if (newest === undefined) throw new RivuletError("node.stopping", { reason: "the recipient has not started" });
    return newest;
  }

  #forget(block: L1BlockNumber): void {
    const to = block - NONCES_GRACE;
    if (to < this.#forgottenTo + FORGET_EVERY) return;
    this.#forgottenTo = to;
    const { store, log } = this.#ports;
    this.#forgetting = this.#forgetting
      .then(() => store.forgetNonces(l1BlockNumber(to)))
      .catch((error: unknown) => log.warn("old nonces could not be forgotten", { reason: String(error) }));
  }
}

interface CheckedPayment {
  readonly account: AccountKey;
  readonly price: Rational;
  readonly sender: Address;
  readonly tickets: TicketBatch;
  readonly rand: bigint;
}

function ticketOf(sender: Address, { params, expiration }: TicketBatch, { senderNonce }: SignedTicket): Ticket {
  const { recipient, faceValue, winProbability, recipientRandHash } = params;
  return { recipient, sender, faceValue, winProbability, senderNonce, recipientRandHash, expiration };
}

/** Numbers that no ticket of ours can have do not get as far as being hashed. */
function isDated({ creationRound, creationRoundBlockHash }: TicketExpiration): boolean {
  return creationRound >= 0n && creationRoundBlockHash.length === HASH_BYTES;
}

/** Of the tickets in their order, the last one's refusal. `nonces` are those of the tickets that are signed. */
function lastRefusal(
  isSigned: readonly boolean[],
  nonces: readonly NonceState[],
  isExpired: boolean,
): RivuletError | undefined {
  const states = nonces.values();
  const refusals = isSigned.map((signed) =>
    signed ? refusalOf(states.next().value ?? "fresh", isExpired) : refused("payment.ticket-invalid", BAD_SIGNATURE),
  );
  return refusals.findLast((refusal) => refusal !== undefined);
}

function refusalOf(state: NonceState, isExpired: boolean): RivuletError | undefined {
  switch (state) {
    case "fresh":
      return isExpired ? refused("payment.params-expired", "TicketParams expired") : undefined;
    case "seen":
      return refused("payment.nonce-reused", "invalid ticket senderNonce: already seen");
    case "too-many":
      return refused("payment.nonces-exhausted", "invalid ticket senderNonce: too many values");
    case "forgotten":
      return refused("payment.params-expired", "TicketParams expired");
  }
}

type Refusal =
  | "payment.sender-missing"
  | "payment.recipient-inactive"
  | "payment.price-missing"
  | "payment.price-too-low"
  | "payment.sender-unlocking"
  | "payment.reserve-insufficient"
  | "payment.ticket-invalid"
  | "payment.params-unknown"
  | "payment.nonce-reused"
  | "payment.nonces-exhausted"
  | "payment.params-expired";

function refused(code: Refusal, reason: string): RivuletError {
  return new RivuletError(code, { reason });
}
