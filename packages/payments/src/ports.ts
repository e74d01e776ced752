import type { Address } from "@rivulet/crypto";
import type { ErrorCode, L1BlockNumber, Milliseconds, Rational, Round, Wei } from "@rivulet/primitives";
import type { AccountChange, AccountKey, AccountRow, PeerTotals } from "./account.ts";
import type { TicketHash, WinningTicket } from "./ticket.ts";
import type { TicketExpiration, TicketParams } from "./ticket-params.ts";

// --- The chain. What was last seen is read at once; what must be asked is a promise. ---

/** The clock of the contracts, as last seen. */
export interface Rounds {
  /** Never goes back, also when the chain does. */
  readonly l1Block: L1BlockNumber;
  /** The round that is paid in. */
  readonly lastInitializedRound: Round;
  /** The round by block number; ahead of `lastInitializedRound` until somebody initializes it. */
  readonly currentRound: Round;
  /** With what tickets are dated now: a round whose block hash is not zero. Source: payments 4.4. */
  readonly creation: TicketExpiration;
  /** How many orchestrators share a reserve in this round. */
  readonly poolSize: bigint;
  onBlock(listener: (block: L1BlockNumber) => void): Disposable;
  onRound(listener: (round: Round) => void): Disposable;
}

/** What a sender has locked in the contract. */
export interface SenderFunds {
  readonly deposit: Wei;
  /** From this round on the sender may take everything back; 0 while it has not asked to. */
  readonly withdrawRound: Round;
  readonly reserveRemaining: Wei;
  readonly reserveClaimedInCurrentRound: Wei;
  /** How much of that claim is our recipient's. */
  readonly reserveClaimedByUs: Wei;
}

/** Senders and their funds. The first question reads the chain, later ones are answered from its events. */
export interface Senders {
  /** Throws "chain.*" when the chain does not answer. */
  funds(sender: Address, signal?: AbortSignal): Promise<SenderFunds>;
  /** Told which sender's funds changed; `undefined` when it may have been anyone's, as at a new round. */
  onChanged(listener: (sender: Address | undefined) => void): Disposable;
}

/** `0x` and 64 hex digits. */
export type TransactionHash = `0x${string}`;

/** A transaction that paid. */
export interface Redemption {
  readonly transaction: TransactionHash;
  /** What arrived, at most the face value. */
  readonly paid: Wei;
  /** What sending it cost; of a batch, this ticket's share. */
  readonly gasCost: Wei;
}

/** The outcome of one ticket of a batch: paid, or the error why not and this ticket's share of the cost. */
export type RedemptionOutcome = Redemption | { readonly error: unknown; readonly gasCost?: Wei };

/** The contract that pays winners. Its errors are `RivuletError`s; `retryOf` tells whether the same call may work later. */
export interface Broker {
  /** In how many rounds, counted from its creation round, a ticket can be redeemed. */
  readonly validityRounds: bigint;
  /** Gas that redeeming `tickets` in one transaction takes. */
  redemptionGas(tickets: number): bigint;
  isUsed(ticket: TicketHash, signal?: AbortSignal): Promise<boolean>;
  /**
   * How a used ticket was paid, by whoever sent it: what is left to ask after a crash between sending and writing down.
   * `transaction` is where to look first, if known. The cost is zero when another account bore it. `undefined` when the
   * chain does not tell: the ticket is not used, or the endpoint does not keep logs that long.
   */
  redemption(
    winner: WinningTicket,
    transaction?: TransactionHash,
    signal?: AbortSignal,
  ): Promise<Redemption | undefined>;
  /** Wei that redeeming now would bring, read at the latest block. Zero when nothing is left. */
  payout(winner: WinningTicket, signal?: AbortSignal): Promise<Wei>;
  /**
   * Sends the transaction and waits for it. `submitted` is told its hash before the wait begins, again when it is replaced,
   * and is awaited.
   */
  redeem(winner: WinningTicket, options?: RedeemOptions): Promise<Redemption>;
  /** One transaction for several tickets; the outcomes are in their order. Throws when the transaction itself failed. */
  redeemBatch(winners: readonly WinningTicket[], options?: RedeemOptions): Promise<readonly RedemptionOutcome[]>;
}

export interface RedeemOptions {
  readonly submitted?: (transaction: TransactionHash) => Promise<void>;
  readonly signal?: AbortSignal;
}

/** What gas costs, smoothed: a spike of seconds does not show. */
export interface GasPrice {
  /** Wei for a unit of gas. */
  readonly current: Wei;
}

/** Which recipients the contract lets earn. */
export interface Activity {
  isActive(recipient: Address, round: Round, signal?: AbortSignal): Promise<boolean>;
}

/** How high a ticket's face value may be for a sender's funds to cover it. The sender monitor, or a remote redeemer. */
export interface MaxFloats {
  /** Below zero when more is pending than the sender is good for. */
  maxFloat(sender: Address, signal?: AbortSignal): Promise<bigint>;
}

/** Takes over winners that are already in the store. Must not throw. */
export interface WinnerSink {
  add(winners: readonly WinnerRecord[]): void;
}

// --- Signatures, off the event loop. ---

/** Signs tickets for one account. */
export interface TicketSigner {
  readonly address: Address;
  /** 65 bytes for each 32-byte hash, over its personal hash, in their order. */
  sign(hashes: readonly Uint8Array[], signal?: AbortSignal): Promise<readonly Uint8Array[]>;
}

export interface SignedHash {
  readonly hash: Uint8Array;
  readonly signature: Uint8Array;
}

/** Tells who signed. */
export interface SignatureRecovery {
  /** For each the account whose signature over the hash's personal hash it is; `undefined` when it is nobody's. */
  recover(signed: readonly SignedHash[], signal?: AbortSignal): Promise<readonly (Address | undefined)[]>;
}

// --- The store. A promise that resolved is on disk. Calls may come at any rate, and one commit may serve many of them; ---
// --- they take effect in the order in which they were made. ---

/** A secret from which the random numbers of tickets are derived. Kept as long as parameters derived from it are good. */
export interface RecipientSecret {
  /** Counts up; the highest is the one in use. */
  readonly generation: number;
  /** 32 bytes. */
  readonly secret: Uint8Array;
  readonly createdAt: Milliseconds;
}

/** What has become of a nonce: taken now, taken before, beyond the 600 of its parameters, or too old to be known. */
export type NonceState = "fresh" | "seen" | "too-many" | "forgotten";

/** The verified part of a payment, to be taken in one transaction. */
export interface PaymentToTake {
  readonly recipientRandHash: Uint8Array;
  /** Of the parameters. */
  readonly expirationBlock: bigint;
  /** Of every ticket with a valid signature, in the order of the payment. */
  readonly nonces: readonly number[];
  /** How many of them, from the first, may be credited. A nonce that is not fresh ends the crediting. */
  readonly creditable: number;
  /** What each ticket is worth, in exact wei. */
  readonly ticketValue: Rational;
  /** Queued whatever their nonces; one that is known by its hash is left as it is. */
  readonly winners: readonly WinningTicket[];
  /** Left as it is when nothing is credited. */
  readonly account: AccountKey;
  /** Set with the first credit, when the account has none. */
  readonly fixedPrice?: Rational;
  readonly at: Milliseconds;
}

export interface TakenPayment {
  /** Of each nonce, in their order. */
  readonly nonces: readonly NonceState[];
  /** How many tickets were credited, each with `ticketValue`. */
  readonly credited: number;
  /** Those of the winners that were not known before. */
  readonly winners: readonly WinnerRecord[];
}

/**
 * The life of a winner. `submitted` may become `queued` again; `redeemed` and `lost` are for good, and so is `handed-over`:
 * a redeemer has it on disk, and what becomes of it is told there.
 */
export type WinnerState =
  | { readonly kind: "queued" }
  | { readonly kind: "handed-over"; readonly at: Milliseconds }
  | { readonly kind: "submitted"; readonly transaction: TransactionHash; readonly at: Milliseconds }
  | ({ readonly kind: "redeemed"; readonly at: Milliseconds } & Redemption)
  | {
      readonly kind: "lost";
      readonly why: ErrorCode;
      readonly reason: string;
      readonly at: Milliseconds;
      readonly transaction?: TransactionHash;
      /** What trying cost. */
      readonly gasCost: Wei;
    };

export interface WinnerRecord {
  readonly hash: TicketHash;
  /** The order of arrival, counting up from 1. */
  readonly sequence: number;
  readonly winner: WinningTicket;
  readonly wonAt: Milliseconds;
  readonly state: WinnerState;
  /** How often redeeming was tried in vain, and the last reason. */
  readonly failures: number;
  readonly lastFailure?: string;
}

export interface WinnerQuery {
  readonly states?: readonly WinnerState["kind"][];
  readonly sender?: Address;
  /** Only those with a higher sequence: the last one of the page before. */
  readonly after?: number;
  /** At most this many, in the order of arrival. */
  readonly limit: number;
}

/** Sums over all winners of one state. */
export interface WinnerTotals {
  readonly state: WinnerState["kind"];
  readonly count: bigint;
  readonly faceValue: bigint;
  readonly paid: bigint;
  readonly gasCost: bigint;
}

/** Nonces that a sender is about to use. */
export interface NonceReservation {
  readonly recipientRandHash: Uint8Array;
  /** Of the parameters: after it the mark may be forgotten. */
  readonly expirationBlock: bigint;
  /** How many. */
  readonly count: number;
  /** The last nonce that may be used; the largest of 32 bits when left out. */
  readonly limit?: number;
  /** Booked in the same transaction: what the tickets with these nonces are worth. */
  readonly account?: AccountChange;
  /** Of the parameters, kept for `signedTickets`. */
  readonly ticket?: Pick<TicketParams, "recipient" | "faceValue" | "winProbability">;
}

/** How many tickets were booked under one set of parameters. */
export interface SignedTickets
  extends Pick<TicketParams, "recipient" | "faceValue" | "winProbability" | "recipientRandHash" | "expirationBlock"> {
  readonly count: number;
}

/** What must survive of tickets, on both sides. */
export interface TicketStore {
  /** The newest first. Empty in a new store. */
  recipientSecrets(): Promise<readonly RecipientSecret[]>;
  /** Adds a generation and forgets all but the two newest. */
  addRecipientSecret(secret: RecipientSecret): Promise<void>;

  /**
   * Nonces, winners and credit in one transaction: all of it is on disk when this resolves.
   *
   * When it throws, nothing of it happened, but for one case: a disk that fails after the commit, which is
   * "store.unusable". Then all of it is taken and only may not survive a power failure: the same tickets count as seen when
   * they come again, the credit is on the account, and winners are queued, to be redeemed from the next start on. The payer
   * was told of a failure and is poorer by a few tickets; nothing is credited or paid twice.
   */
  take(payment: PaymentToTake): Promise<TakenPayment>;
  /**
   * Forgets the nonces, on both sides, of parameters that expired at or before `block`. From then on `take` answers
   * "forgotten" for such parameters, so that nothing of theirs is credited twice.
   */
  forgetNonces(block: L1BlockNumber): Promise<void>;

  /** Winners from elsewhere, as a redeemer gets them. Known ones are left as they are and not returned. */
  addWinners(winners: readonly WinningTicket[], at: Milliseconds): Promise<readonly WinnerRecord[]>;
  /** Throws "internal" for a ticket that is not here. `failure` counts one more vain try and says why. */
  setWinner(hash: TicketHash, state: WinnerState, failure?: string): Promise<void>;
  winners(query: WinnerQuery): Promise<readonly WinnerRecord[]>;
  winnerTotals(): Promise<readonly WinnerTotals[]>;

  /**
   * The first of `count` nonces in a row that nobody used, starting at 1. They are marked as used when this resolves, so
   * that no crash lets a signature out twice. `undefined` when they would pass the limit: then nothing is booked.
   */
  reserveNonces(reservation: NonceReservation): Promise<number | undefined>;

  /** What was reserved with its ticket under parameters that expire after a block: what may still cost something. */
  signedTickets(block: L1BlockNumber): Promise<readonly SignedTickets[]>;
}

/** Accounts of both sides. `TicketStore.take` and `reserveNonces` write to the same rows. */
export interface LedgerStore {
  /** Accounts that are open. */
  accounts(): Promise<readonly AccountRow[]>;
  /** Adds to accounts, all in one transaction. */
  apply(changes: readonly AccountChange[]): Promise<void>;
  /** Closes accounts: what is left of each is told as expired, and its sums live on in the totals of its peer. */
  close(accounts: readonly AccountKey[]): Promise<void>;
  /** Everything that ever was on accounts, open ones included, by side and peer. */
  totals(): Promise<readonly PeerTotals[]>;
}

/** One store for both, as their transactions span them. */
export interface PaymentStore extends TicketStore, LedgerStore {}
