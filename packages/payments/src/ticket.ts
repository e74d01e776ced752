import { type Address, addressBytes, bigInteger, bigIntegerBytes, keccak256 } from "@rivulet/crypto";
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

const WORD_BYTES = 32;

/** A number as the contract writes it: 32 bytes, big-endian. Throws `RangeError` for one that does not fit. */
export function word(value: bigint): Uint8Array {
  const bytes = bigIntegerBytes(value);
  const out = new Uint8Array(WORD_BYTES);
  out.set(bytes, WORD_BYTES - bytes.length);
  return out;
}

/** The date of a ticket in bytes; nothing when it has none, and then it can never be redeemed. Source: payments 3.2. */
export function auxData({ creationRound, creationRoundBlockHash }: TicketExpiration): Uint8Array {
  if (creationRound === 0n && creationRoundBlockHash.every((byte) => byte === 0)) return new Uint8Array();
  const out = new Uint8Array(2 * WORD_BYTES);
  out.set(word(creationRound));
  out.set(creationRoundBlockHash.subarray(0, WORD_BYTES), WORD_BYTES);
  return out;
}

/** The 32 bytes that are signed. Source: payments 3.3. */
export function ticketHash(ticket: Ticket): Uint8Array {
  return keccak256(
    addressBytes(ticket.recipient),
    addressBytes(ticket.sender),
    word(ticket.faceValue),
    word(ticket.winProbability),
    word(BigInt(ticket.senderNonce)),
    ticket.recipientRandHash,
    auxData(ticket.expiration),
  );
}

/** The same as text, by which a ticket is known. */
export function ticketHashText(ticket: Ticket): TicketHash {
  return `0x${Buffer.from(ticketHash(ticket)).toString("hex")}`;
}

/** What a ticket draws in its lottery. Neither side can choose it: one does not know the number, the other not the signature. */
export function draw(signature: Uint8Array, recipientRand: bigint): bigint {
  return bigInteger(keccak256(signature, word(recipientRand)));
}

/** Whether a ticket with this chance wins. Source: payments 3.5. */
export function wins(signature: Uint8Array, recipientRand: bigint, winProbability: bigint): boolean {
  return draw(signature, recipientRand) < winProbability;
}
