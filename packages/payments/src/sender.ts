import type { Address } from "@rivulet/crypto";
import { type Clock, invariant, l1BlockNumber, Rational, RivuletError, type Wei } from "@rivulet/primitives";
import { Exposure, REDEMPTION_BLOCKS } from "./exposure.ts";
import { MAX_NONCES } from "./nonce-window.ts";
import type { Rounds, SenderFunds, Senders, TicketSigner, TicketStore } from "./ports.ts";
import type { Staged } from "./staged-payment.ts";
import { type Payment, type TicketBatch, ticketHash } from "./ticket.ts";
import type { TicketParams } from "./ticket-params.ts";
import { isUnlockingSoon } from "./unlocking.ts";
import { ticketValue } from "./win-probability.ts";

/** Parameters this close to their end are not signed for: tickets must arrive before it. Source: payments 4.5. */
const EXPIRATION_BUFFER = 1n;
/** Half the life of parameters: the time to fetch new ones, before a job would have to wait for them. */
const DUE_BLOCKS = 20n;
/** Marks of nonces are kept so long after their parameters expired, and forgotten in one sweep per so many blocks. */
const MARKS_GRACE = 100n;
/** Parameters that are told to last longer, a day of blocks, are kept in mind no longer. */
const LONGEST_MEMORY = 7_200n;
/** A price may grow by so much within a session. Source: payments 6.2. */
const MAX_PRICE_INCREASE = 2n;
/** Digits of the amounts in refusals. */
const DIGITS = 5;

export interface SenderOptions {
  /** The most one ticket may be worth. */
  readonly maxTicketValue: Wei;
  /** The most the tickets of one payment may be worth. */
  readonly maxTotalValue: Wei;
  /** A winner may pay at most the deposit divided by this. At least 1. */
  readonly depositMultiplier: bigint;
}

export interface SenderPorts {
  readonly rounds: Rounds;
  readonly senders: Senders;
  readonly signer: TicketSigner;
  readonly store: Pick<TicketStore, "reserveNonces" | "forgetNonces" | "signedTickets">;
  readonly clock: Clock;
}

/** What is to be paid. */
export interface PaymentOrder {
  /** As the recipient told them last. */
  readonly params: TicketParams;
  /** Wei for a unit, as it came with the parameters, unchanged. */
  readonly price: Rational;
  /** The tickets, and the account they are booked on. */
  readonly staged: Staged;
  readonly signal?: AbortSignal;
}

/**
 * Makes tickets, within limits: a recipient asks, and this decides whether to sign.
 *
 *     await sender.validate(info.ticketParams);                     // when an orchestrator is found
 *     if (sender.isDue(params)) refreshInBackground();              // half of their life is over
 *     assertPriceHeld(price, priceAtStart);                         // "payment.price-increased"
 *     using staged = ledger.stage(account, fee, ticketValue(params));
 *     const payment = await sender.pay({ params, price, staged, signal });
 *     headers[PAYMENT_HEADER] = encodePayment(payment);             // a refusal never gets here
 *
 * Nonces are used up in the store, and the tickets booked, before a signature is made: no crash lets two tickets with one
 * nonce out. "payment.params-expired" and "payment.nonces-exhausted" are settled by fresh parameters.
 */
export class Sender {
  readonly #options: SenderOptions;
  readonly #ports: SenderPorts;
  readonly #exposure = new Exposure();
  /** Of what was signed before this process. */
  #recovered: Promise<void> | undefined;
  #forgottenTo = 0n;

  constructor(options: SenderOptions, ports: SenderPorts) {
    this.#options = options;
    this.#ports = ports;
  }

  get address(): Address {
    return this.#ports.signer.address;
  }

  /** What tickets that are out may still cost, by recipient. */
  get exposure(): Exposure {
    this.#exposure.forget(this.#ports.rounds.l1Block);
    return this.#exposure;
  }

  /** Whether it is time to fetch new parameters in the background. Also true for those that have expired. */
  isDue({ expirationBlock }: TicketParams): boolean {
    return expirationBlock - this.#ports.rounds.l1Block <= DUE_BLOCKS;
  }

  /** Whether tickets could no longer arrive in time. */
  isExpired({ expirationBlock }: TicketParams): boolean {
    return expirationBlock - this.#ports.rounds.l1Block <= EXPIRATION_BUFFER;
  }

  /**
   * Checks whether `tickets` tickets could be made. Source: payments 6.2, in its order. Throws "payment.params-unacceptable",
   * "payment.params-expired", "payment.over-limit", "payment.sender-unreadable", "payment.sender-unlocking",
   * "payment.sender-unfunded".
   */
  async validate(params: TicketParams | undefined, tickets = 1, signal?: AbortSignal): Promise<void> {
    await this.#validated(params, tickets, signal);
  }

  /**
   * The payment for what was staged, its tickets reserved, booked and signed. Without tickets it says who pays and what is
   * expected. Throws what `validate` throws, and "payment.nonces-exhausted", "payment.exposure-too-high".
   */
  async pay({ params, price, staged, signal }: PaymentOrder): Promise<Payment> {
    const payment = { sender: this.address, expectedPrice: price };
    const count = staged.tickets;
    const funds = await this.#validated(params, Math.max(1, count), signal);
    if (count === 0) return payment;
    await (this.#recovered ??= this.#recover());
    if (funds !== undefined) this.#expose(this.#remembered(params), count, funds);
    const first = await this.#reserve(params, staged);
    const tickets = await this.#sign(params, { first, count }, signal);
    return { ...payment, tickets };
  }

  /** Tickets of the process before this one cost what they cost: they are out as long as their parameters last. */
  async #recover(): Promise<void> {
    const { store, rounds } = this.#ports;
    try {
      const since = rounds.l1Block > REDEMPTION_BLOCKS ? rounds.l1Block - REDEMPTION_BLOCKS : 0n;
      for (const signed of await store.signedTickets(l1BlockNumber(since))) this.#exposure.add(signed, signed.count);
    } catch (error) {
      this.#recovered = undefined;
      throw error;
    }
  }

  /** The first nonce, on the books with the tickets. If there is none, no ticket is made, and none counts as out. */
  async #reserve(params: TicketParams, staged: Staged): Promise<number> {
    const { store, clock } = this.#ports;
    const remembered = this.#remembered(params);
    const { recipientRandHash, expirationBlock } = remembered;
    try {
      const first = await store.reserveNonces({
        recipientRandHash,
        expirationBlock,
        count: staged.tickets,
        limit: MAX_NONCES,
        account: { ...staged.booking, touchedAt: clock.now() },
        ticket: params,
      });
      if (first === undefined) {
        throw refused("payment.nonces-exhausted", `a recipient takes ${MAX_NONCES} tickets for one set of parameters`);
      }
      staged.made();
      return first;
    } catch (error) {
      this.#exposure.remove(remembered, staged.tickets);
      throw error;
    }
  }

  /** The parameters as they are kept in mind: a recipient cannot have us remember them for ever. */
  #remembered(params: TicketParams): TicketParams {
    const latest = this.#ports.rounds.l1Block + LONGEST_MEMORY;
    return params.expirationBlock <= latest ? params : { ...params, expirationBlock: latest };
  }

  async #sign(
    params: TicketParams,
    { first, count }: { readonly first: number; readonly count: number },
    signal?: AbortSignal,
  ): Promise<TicketBatch> {
    const { signer, rounds } = this.#ports;
    const { recipient, faceValue, winProbability, recipientRandHash } = params;
    this.#forgetMarks();
    const expiration = isDated(params) ? params.expiration : rounds.creation;
    const nonces = Array.from({ length: count }, (_, index) => first + index);
    const hashes = nonces.map((senderNonce) =>
      ticketHash({
        recipient,
        sender: this.address,
        faceValue,
        winProbability,
        senderNonce,
        recipientRandHash,
        expiration,
      }),
    );
    const signatures = await signer.sign(hashes, signal);
    const signed = nonces.map((senderNonce, index) => {
      const signature = signatures[index];
      invariant(signature !== undefined, "a signer signs every ticket");
      return { senderNonce, signature };
    });
    return { params, expiration, signed };
  }

  /** In the background: if it fails, the next sweep takes all of it. */
  #forgetMarks(): void {
    const { store, rounds } = this.#ports;
    const to = rounds.l1Block - MARKS_GRACE;
    if (to < this.#forgottenTo + MARKS_GRACE) return;
    this.#forgottenTo = to;
    store.forgetNonces(l1BlockNumber(to)).catch(() => {});
  }

  /** The sender's funds, unless the tickets are worth nothing and nobody needs them. */
  async #validated(
    params: TicketParams | undefined,
    tickets: number,
    signal?: AbortSignal,
  ): Promise<SenderFunds | undefined> {
    const { rounds, senders } = this.#ports;
    const { maxTicketValue, maxTotalValue } = this.#options;
    if (params === undefined) throw refused("payment.params-unacceptable", "ticketParams is nil");
    const { faceValue, expirationBlock } = params;
    if (BigInt.asUintN(64, expirationBlock) === 0n) {
      throw refused("payment.params-unacceptable", "ticketParams expiration block is 0");
    }
    if (this.isExpired(params)) {
      throw refused("payment.params-expired", "TicketParams expired");
    }
    const value = ticketValue(params);
    if (value.compare(Rational.ZERO) <= 0) return undefined;
    if (value.compare(Rational.of(faceValue)) >= 0) {
      throw refused("payment.params-unacceptable", `ticket faceValue too low faceValue=${faceValue}`);
    }
    if (value.compare(Rational.of(maxTicketValue)) > 0) {
      throw refused(
        "payment.over-limit",
        `ticket EV ${text(value)} > max ticket EV ${text(Rational.of(maxTicketValue))}`,
      );
    }
    const funds = await senders.funds(this.address, signal).catch((cause: unknown) => {
      signal?.throwIfAborted();
      throw new RivuletError("payment.sender-unreadable", { reason: "our own deposit and reserve" }, { cause });
    });
    if (isUnlockingSoon(funds, rounds)) {
      throw refused("payment.sender-unlocking", "unable to validate sender: deposit and reserve is set to unlock soon");
    }
    if (funds.reserveRemaining === 0n) throw refused("payment.sender-unfunded", "no sender reserve");
    if (funds.deposit === 0n) throw refused("payment.sender-unfunded", "no sender deposit");
    const total = value.times(BigInt(tickets));
    if (total.compare(Rational.of(maxTotalValue)) > 0) {
      throw refused(
        "payment.over-limit",
        `total ticket EV ${text(total)} for ${tickets} tickets > max total ticket EV ${text(Rational.of(maxTotalValue))}`,
      );
    }
    const maxFaceValue = funds.deposit / this.#options.depositMultiplier;
    if (faceValue > maxFaceValue) {
      throw refused("payment.over-limit", `ticket faceValue ${faceValue} > max faceValue ${maxFaceValue}`);
    }
    return funds;
  }

  /** Counts tickets as out before they are made: of many payments at once, each sees the ones before. */
  #expose(params: TicketParams, count: number, { deposit, reserveRemaining }: SenderFunds): void {
    const exposure = this.exposure;
    const liability = exposure.liabilityWith(params, count);
    if (liability > deposit + reserveRemaining) {
      throw refused(
        "payment.exposure-too-high",
        `winners could claim ${liability} wei, ${deposit + reserveRemaining} are locked`,
      );
    }
    exposure.add(params, count);
  }
}

/**
 * Refuses a price that has more than doubled since the session began, and one that is missing. Source: payments 6.2. Throws
 * "payment.price-increased", "payment.price-missing".
 */
export function assertPriceHeld(price: Rational | undefined, initial: Rational): asserts price is Rational {
  if (price === undefined) throw refused("payment.price-missing", "missing orchestrator price");
  if (price.compare(initial.times(MAX_PRICE_INCREASE)) <= 0) return;
  throw refused(
    "payment.price-increased",
    `Orchestrator price has more than doubled, Orchestrator price: ${price}, Orchestrator initial price: ${initial}`,
  );
}

/** Whether a recipient said which round dates its tickets. Source: payments 6.3. */
function isDated(params: TicketParams): params is TicketParams & Required<Pick<TicketParams, "expiration">> {
  const { expiration } = params;
  return (
    expiration !== undefined &&
    expiration.creationRound !== 0n &&
    expiration.creationRoundBlockHash.some((byte) => byte !== 0)
  );
}

function text(value: Rational): string {
  return value.toFixed(DIGITS);
}

type Refusal =
  | "payment.params-unacceptable"
  | "payment.params-expired"
  | "payment.over-limit"
  | "payment.sender-unlocking"
  | "payment.sender-unfunded"
  | "payment.nonces-exhausted"
  | "payment.exposure-too-high"
  | "payment.price-missing"
  | "payment.price-increased";

function refused(code: Refusal, reason: string): RivuletError {
  return new RivuletError(code, { reason });
}
