import type { Rational } from "@rivulet/primitives";

/** What external capabilities are paid by: their price is for a second. Source: payments 15. */
const MIN_CREDIT_SECONDS = 120n;
const MIN_BALANCE_SECONDS = 60n;
/** The most nonces that one set of parameters takes. */
const MAX_TICKETS = 600n;

/** Whether a gateway needs to pay at all: with two minutes on its account it does not. Source: payments 15.2. */
export function byocNeedsPayment(balance: Rational, pricePerSecond: Rational): boolean {
  return balance.compare(pricePerSecond.times(MIN_CREDIT_SECONDS)) < 0;
}

/**
 * Whether an orchestrator begins a job: with one minute on the account it does. What is free needs nothing. Source: payments
 * 15.3.
 */
export function byocIsCovered(balance: Rational, pricePerSecond: Rational): boolean {
  return pricePerSecond.numerator <= 0n || balance.compare(pricePerSecond.times(MIN_BALANCE_SECONDS)) >= 0;
}

/** What a job may cost at most. */
export function byocCost(pricePerSecond: Rational, timeoutSeconds: bigint): Rational {
  return pricePerSecond.times(timeoutSeconds);
}

/** Tickets for `cost`, at most as many as the parameters take; none when they are worth nothing. */
export function byocTickets(cost: Rational, ticketValue: Rational): bigint {
  if (ticketValue.numerator <= 0n || cost.numerator <= 0n) return 0n;
  const tickets = cost.dividedBy(ticketValue).ceil();
  return tickets < MAX_TICKETS ? tickets : MAX_TICKETS;
}

/** Seconds that are billed for `elapsedMs`: every one that began. */
export function byocSeconds(elapsedMs: number): bigint {
  return BigInt(Math.max(0, Math.ceil(elapsedMs / 1000)));
}
