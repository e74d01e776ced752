import type { Address } from "@rivulet/crypto";
import type { Rational } from "@rivulet/primitives";
import type { TicketExpiration, TicketParams } from "./ticket-params.ts";

/** A lottery ticket: if it wins, the contract pays its face value out of what the sender has deposited. */
export interface Ticket {
  readonly recipient: Address;
  readonly sender: Address;
  /** Wei. */
  readonly faceValue: bigint;
  /** The numerator over 2^256 - 1. */
  readonly winProbability: bigint;
  /** 32 bits. Unique among the tickets of one `recipientRandHash`. */
  readonly senderNonce: number;
  readonly recipientRandHash: Uint8Array;
  readonly expiration: TicketExpiration;
}

/** What tells one ticket of a batch from the next. */
export interface SignedTicket {
  readonly senderNonce: number;
  /** 65 bytes: r, s, v. */
  readonly signature: Uint8Array;
}

/** Tickets under one set of parameters. */
export interface TicketBatch {
  readonly params: TicketParams;
  readonly expiration: TicketExpiration;
  readonly signed: readonly SignedTicket[];
}

/** What stands in the header of a paid request, in the shape in which `wire` reads and writes it. */
export interface Payment {
  /** Who pays; the zero address when nobody does. */
  readonly sender: Address;
  /** Absent when credit suffices. */
  readonly tickets?: TicketBatch;
  /** Wei for a unit: the price that came with the parameters, unchanged. */
  readonly expectedPrice?: Rational;
}

/** The hash that is signed, which is also what the contract remembers of a redeemed ticket. `0x` and 64 hex digits. */
export type TicketHash = `0x${string}`;

/** A ticket that won, and all that the contract wants to see. Whoever holds it can redeem it. */
export interface WinningTicket {
  readonly ticket: Ticket;
  readonly signature: Uint8Array;
  /** The secret number. It may be shown only after the parameters have expired. */
  readonly recipientRand: bigint;
  /** The first L1 block in which it may be redeemed. */
  readonly paramsExpirationBlock: bigint;
}
