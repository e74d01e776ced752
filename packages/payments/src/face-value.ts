import { Rational, RivuletError } from "@rivulet/primitives";

/** What a recipient knows when it sets the face value of tickets. Amounts are wei. */
export interface FaceValueTerms {
  /** What one ticket shall be worth. */
  readonly expectedValue: bigint;
  readonly redemptionGas: bigint;
  readonly gasPrice: bigint;
  /** How many times the cost of redeeming it a winner should bring. */
  readonly txCostMultiplier: bigint;
  /** What the sender's funds cover. May be below zero. */
  readonly maxFloat: bigint;
  /** Zero for none. */
  readonly maxFaceValue: bigint;
}

/** How many times the cost of redeeming it a winner brings, unless the sender's funds are too small for that. */
export const TX_COST_MULTIPLIER = 100n;
/** Gas at 3 gwei: a face value that was good enough for this is not refused because gas is dear just now. */
const AVERAGE_GAS_PRICE = 3n * 10n ** 9n;

/**
 * The face value that pays for its redemption many times over and that the sender's funds cover. Source: payments 4.1.
 *
 * Throws "payment.reserve-insufficient" when the funds cover less than a ticket is worth or than redeeming it costs.
 */
export function faceValue(terms: FaceValueTerms): bigint {
  const { expectedValue } = terms;
  const txCost = terms.redemptionGas * terms.gasPrice;
  const value = cappedFaceValue(terms);
  if (value < expectedValue) throw insufficient(`a winner may pay ${value} wei, a ticket is worth ${expectedValue}`);
  if (value < txCost && value < terms.redemptionGas * AVERAGE_GAS_PRICE) {
    throw insufficient(`a winner may pay ${value} wei, redeeming it costs ${txCost}`);
  }
  return value;
}

/**
 * How many times the cost of redeeming it a winner brings; `undefined` when redeeming is free, and zero for a sender whose
 * funds cover no winner. Prices are raised by its inverse: whoever can only offer small winners pays for what redeeming them
 * takes. Source: payments 4.6.
 */
export function txCostMultiplier(terms: FaceValueTerms): Rational | undefined {
  const txCost = terms.redemptionGas * terms.gasPrice;
  const value = cappedFaceValue(terms);
  return txCost <= 0n ? undefined : Rational.of(value > 0n ? value : 0n, txCost);
}

function cappedFaceValue(terms: FaceValueTerms): bigint {
  const { expectedValue, redemptionGas, gasPrice, maxFloat, maxFaceValue } = terms;
  const wanted = redemptionGas * gasPrice * terms.txCostMultiplier;
  const worthwhile = wanted < expectedValue ? expectedValue * TX_COST_MULTIPLIER : wanted;
  const covered = least(worthwhile, maxFloat);
  return maxFaceValue > 0n ? least(covered, maxFaceValue) : covered;
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function insufficient(reason: string): RivuletError {
  return new RivuletError("payment.reserve-insufficient", { reason });
}
