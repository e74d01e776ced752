import { type ErrorCode, isError, isErrorCode, RivuletError, type Round, type Wei } from "@rivulet/primitives";
import type { Rounds } from "./ports.ts";
import type { WinningTicket } from "./ticket.ts";

/** What gas may cost when winners are redeemed. Without either, any price at which something is left of the prize. */
export interface GasLimits {
  /** Never above this, in wei for a unit of gas. */
  readonly maxGasPrice?: Wei;
  /** Not above this either while there is a later round to redeem in. */
  readonly redeemWhenGasBelow?: Wei;
}

/** Why a winner is not redeemed now: a code of the error table, and its sentence. */
export interface Obstacle {
  readonly code: ErrorCode;
  readonly reason: string;
}

/** The first round in which the contract no longer pays the ticket: its own expiry, or the sender taking its funds back. */
export function closingRound(winner: WinningTicket, validityRounds: bigint, withdrawRound: Round): bigint {
  const expiry = expiryRound(winner, validityRounds);
  return withdrawRound > 0n && withdrawRound < expiry ? withdrawRound : expiry;
}

/** The first round in which the ticket is expired for the contract. Source: payments 11.1. */
export function expiryRound(winner: WinningTicket, validityRounds: bigint): bigint {
  return winner.ticket.expiration.creationRound + validityRounds;
}

/**
 * What of the clock is in the way. Before the parameters have expired nothing may be shown of a winner: who knows the
 * secret number can still pay with tickets that are sure to lose. Source: payments 9.3.
 */
export function clockObstacle(winner: WinningTicket, rounds: Rounds): Obstacle | undefined {
  if (rounds.l1Block < winner.paramsExpirationBlock)
    return {
      code: "chain.ticket-expired",
      reason: `its parameters are good until block ${winner.paramsExpirationBlock}`,
    };
  if (rounds.currentRound !== rounds.lastInitializedRound)
    return { code: "chain.round-not-initialized", reason: `round ${rounds.currentRound} has not been initialized` };
  return undefined;
}

/** Whether gas is too dear. `isLastRound`: there is no later one to redeem in. */
export function gasObstacle(gasPrice: Wei, limits: GasLimits, isLastRound: boolean): Obstacle | undefined {
  const { maxGasPrice, redeemWhenGasBelow } = limits;
  if (maxGasPrice !== undefined && gasPrice > maxGasPrice) return gasTooDear(gasPrice, maxGasPrice);
  if (redeemWhenGasBelow !== undefined && gasPrice > redeemWhenGasBelow && !isLastRound)
    return gasTooDear(gasPrice, redeemWhenGasBelow);
  return undefined;
}

/** Whether it is worth while to wait for the sender's funds: for anything at all, or, while there is time, for all of it. */
export function fundsObstacle(payout: Wei, faceValue: bigint, isLastRound: boolean): Obstacle | undefined {
  if (payout === 0n)
    return { code: "chain.sender-unfunded", reason: "nothing is left of the deposit and of our part of the reserve" };
  if (payout < faceValue && !isLastRound)
    return { code: "payment.redemption-partial", reason: `${payout} of ${faceValue} wei would be paid now` };
  return undefined;
}

/** How an error of one try stands in the way of the next. */
export function obstacleOf(error: unknown): Obstacle {
  if (error instanceof RivuletError) return { code: error.code, reason: error.message };
  return { code: "internal", reason: error instanceof Error ? error.message : String(error) };
}

/** An obstacle as it stands in the store, so that it outlives the process. */
export function failureText({ code, reason }: Obstacle): string {
  return `${code}: ${reason}`;
}

/** The obstacle in a text of the store. */
export function obstacleIn(failure: string | undefined): Obstacle | undefined {
  if (failure === undefined) return undefined;
  const [code = "", ...rest] = failure.split(": ");
  return isErrorCode(code) ? { code, reason: rest.join(": ") } : { code: "internal", reason: failure };
}

/** Errors after which no try can work. Everything else may pass before the ticket expires. */
export function isHopeless(error: unknown): boolean {
  return isError(error, "chain.ticket-invalid");
}

/** Errors that say no more than "not now": the contract would refuse, and nothing was sent. */
export function isWait(error: unknown): boolean {
  return error instanceof RivuletError && WAITS.has(error.code);
}

/** Errors that leave open whether the transaction will be included after all. */
export function isUndecided(error: unknown): boolean {
  return isError(error, "chain.transaction-timeout") || isError(error, "chain.unavailable");
}

/** What a failed try cost. */
export function costOf(error: unknown): bigint {
  return isError(error, "chain.transaction-failed") ? BigInt(error.facts.gasCost ?? 0) : 0n;
}

/**
 * How many of the prizes, which are sorted from the highest, are worth one transaction: each must bring more than its share
 * of the gas, and the share falls with their number.
 */
export function worthRedeeming(payouts: readonly bigint[], gasPrice: Wei, gasOf: (tickets: number) => bigint): number {
  for (let count = payouts.length; count > 0; count -= 1) {
    const lowest = payouts[count - 1] ?? 0n;
    if (lowest * BigInt(count) > gasOf(count) * gasPrice) return count;
  }
  return 0;
}

const WAITS: ReadonlySet<ErrorCode> = new Set([
  "chain.unavailable",
  "chain.paused",
  "chain.round-not-initialized",
  "chain.gas-price-too-high",
  "chain.sender-unlocked",
  "chain.sender-unfunded",
  "chain.recipient-unregistered",
]);

function gasTooDear(current: Wei, maximum: Wei): Obstacle {
  return { code: "chain.gas-price-too-high", reason: `gas costs ${current} wei, the limit is ${maximum}` };
}
