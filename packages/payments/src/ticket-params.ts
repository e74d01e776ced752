import type { Address } from "@rivulet/crypto";

/**
 * What a recipient demands of the tickets it takes: the form in which it travels, so that a role hands on what `wire` read.
 *
 * The numbers have at most 256 bits and are otherwise the other side's word.
 */
export interface TicketParams {
  readonly recipient: Address;
  /** Wei that a winner pays. */
  readonly faceValue: bigint;
  /** The numerator over 2^256 - 1. */
  readonly winProbability: bigint;
  /** The commitment to a secret number: keccak of its 32 bytes. */
  readonly recipientRandHash: Uint8Array;
  readonly seed: bigint;
  /** The first L1 block in which tickets are refused. */
  readonly expirationBlock: bigint;
  /** The round that dates the tickets. Inside the payments of batch jobs it stands in the batch instead. */
  readonly expiration?: TicketExpiration;
}

/** The round in which tickets came to be; the contract pays them in this round and the next. */
export interface TicketExpiration {
  readonly creationRound: bigint;
  /** 32 bytes. */
  readonly creationRoundBlockHash: Uint8Array;
}
