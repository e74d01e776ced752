import { Rational } from "@rivulet/primitives";

/** The probability of one: 2^256 - 1, over which every other one is a fraction. Source: payments 3.6. */
export const CERTAIN_WIN = 2n ** 256n - 1n;

/** Parameters are told once and used with every payment, and finding the lowest terms takes longer than the rest of the sum. */
const worth = new WeakMap<object, Rational>();

/** What a ticket is worth on average, in exact wei: `faceValue × winProbability / (2^256 - 1)`. */
export function ticketValue(ticket: { readonly faceValue: bigint; readonly winProbability: bigint }): Rational {
  const known = worth.get(ticket);
  if (known !== undefined) return known;
  const value = Rational.of(ticket.faceValue * ticket.winProbability, CERTAIN_WIN);
  worth.set(ticket, value);
  return value;
}

/**
 * The chance a ticket must have to be worth `expectedValue` on average. Source: payments 4.2.
 *
 * Rounds up: the sender may overpay by a sliver far below one wei, and a ticket is never worth less than the recipient asked
 * for. Rounded down, a single ticket would fall a hair short and the recipient refuse its own offer.
 *
 * Throws `RangeError` for a value above the face value: no chance is that good.
 */
export function winProbability(expectedValue: bigint, faceValue: bigint): bigint {
  if (expectedValue > faceValue) throw new RangeError("no ticket is worth more than its face value");
  if (faceValue === 0n) return 0n;
  if (expectedValue === faceValue) return CERTAIN_WIN;
  const roundedUp = (CERTAIN_WIN + faceValue - 1n) / faceValue;
  const chance = expectedValue * roundedUp;
  // Only face values beyond 2^128 get there, for which rounding up is no longer a sliver.
  return chance < CERTAIN_WIN ? chance : CERTAIN_WIN;
}
