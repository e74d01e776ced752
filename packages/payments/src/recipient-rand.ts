import { createHmac, type KeyObject } from "node:crypto";
import { type Address, addressBytes, bigInteger, bigIntegerBytes, keccak256 } from "@rivulet/crypto";
import type { Rational } from "@rivulet/primitives";
import { auxData, word } from "./ticket.ts";
import type { TicketExpiration } from "./ticket-params.ts";

/** Everything that is bound into a recipient's random number, and that the sender sends back. */
export interface RandTerms {
  readonly seed: bigint;
  readonly sender: Address;
  readonly faceValue: bigint;
  readonly winProbability: bigint;
  readonly expirationBlock: bigint;
  readonly price: Rational;
  readonly expiration: TicketExpiration;
}

/** How the terms become one message. */
type Framing = (parts: readonly Uint8Array[]) => readonly Uint8Array[];

/** As the older software writes them: one after the other. Source: payments 4.3. */
export const plainFraming: Framing = (parts) => parts;

/**
 * Ours: a name for what is derived, and a length before each part. Without lengths, bytes could be moved from one number to
 * the next: tickets with a higher face value than the sender's funds cover would pass as those that were issued.
 */
export const lengthFraming: Framing = (parts) => [
  Buffer.from("rivulet recipient rand 1\0", "ascii"),
  ...parts.flatMap((part) => [Uint8Array.of(part.length), part]),
];

/**
 * The secret number behind a set of parameters, computed anew whenever it is needed: nothing is stored for parameters that
 * nobody uses. Any change of the terms gives another number.
 */
export function recipientRand(
  secret: Uint8Array | KeyObject,
  terms: RandTerms,
  framing: Framing = lengthFraming,
): bigint {
  const message = Buffer.concat(framing(randParts(terms)));
  return bigInteger(createHmac("sha256", secret).update(message).digest());
}

/** The commitment to a secret number, which senders see before it is shown. */
export function recipientRandHash(rand: bigint): Uint8Array {
  return keccak256(word(rand));
}

/** The terms in bytes. Numbers have no leading zeros, as senders write them back without. Source: payments 4.3. */
export function randParts(terms: RandTerms): readonly Uint8Array[] {
  const { price } = terms;
  return [
    bigIntegerBytes(terms.seed),
    addressBytes(terms.sender),
    bigIntegerBytes(terms.faceValue),
    bigIntegerBytes(terms.winProbability),
    bigIntegerBytes(terms.expirationBlock),
    // The absolute value: a negative price is nobody's, and gives a number that no parameters were issued with.
    bigIntegerBytes(price.numerator < 0n ? -price.numerator : price.numerator),
    bigIntegerBytes(price.denominator),
    auxData(terms.expiration),
  ];
}
