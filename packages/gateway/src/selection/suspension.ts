import { type ErrorCode, type Milliseconds, minutes, ms, seconds } from "@rivulet/primitives";

/** How far a failure reaches: what failed was the machine, or its work at one pipeline. */
type Reach = "orchestrator" | "pipeline";

/** How long, at first, an orchestrator gets no work after a failure, and how much of it. */
export interface Penalty {
  readonly reach: Reach;
  readonly duration: Milliseconds;
}

/**
 * What is a peer's fault, and how long it costs. A code that is not listed costs nothing: what the client did, what we did,
 * as not to pay for so large a job, and `capacity.exhausted`, which is an honest answer.
 */
const penalties: Partial<Record<ErrorCode, Penalty>> = {
  "peer.unreachable": { reach: "orchestrator", duration: seconds(5) },
  "node.stopping": { reach: "orchestrator", duration: seconds(15) },
  "peer.protocol": { reach: "pipeline", duration: seconds(30) },
  "peer.failed": { reach: "pipeline", duration: seconds(10) },
  "peer.bad-result": { reach: "pipeline", duration: minutes(1) },
  "job.deadline-exceeded": { reach: "pipeline", duration: seconds(30) },
  "credentials.malformed": { reach: "pipeline", duration: minutes(1) },
  "credentials.bad-signature": { reach: "pipeline", duration: minutes(1) },
  // Mostly it has lost a model since it was last asked; discovery finds out.
  "credentials.incompatible": { reach: "pipeline", duration: seconds(10) },
  "credentials.token-missing": { reach: "orchestrator", duration: seconds(30) },
  "credentials.token-invalid": { reach: "orchestrator", duration: seconds(30) },
  "credentials.token-expired": { reach: "orchestrator", duration: seconds(30) },
  "payment.malformed": { reach: "orchestrator", duration: minutes(1) },
  "payment.refused": { reach: "orchestrator", duration: minutes(1) },
  "payment.ticket-invalid": { reach: "orchestrator", duration: minutes(1) },
  "payment.price-missing": { reach: "orchestrator", duration: minutes(1) },
  "payment.sender-missing": { reach: "orchestrator", duration: minutes(1) },
  "payment.sender-unreadable": { reach: "orchestrator", duration: seconds(30) },
  "payment.reserve-insufficient": { reach: "orchestrator", duration: minutes(1) },
  "payment.recipient-inactive": { reach: "orchestrator", duration: minutes(1) },
  // Settled by fresh terms, and tried again at once: here only when that did not help.
  "payment.params-unknown": { reach: "orchestrator", duration: seconds(30) },
  "payment.insufficient-balance": { reach: "pipeline", duration: seconds(30) },
  "payment.price-too-low": { reach: "pipeline", duration: seconds(30) },
  // Its terms are not ours: other terms may come with the next round of discovery.
  "payment.params-unacceptable": { reach: "pipeline", duration: seconds(30) },
  "signer.price-exceeded": { reach: "pipeline", duration: seconds(30) },
  "payment.price-increased": { reach: "pipeline", duration: seconds(30) },
  "worker.none-available": { reach: "pipeline", duration: seconds(5) },
  "worker.lost": { reach: "pipeline", duration: seconds(5) },
  "worker.job-failed": { reach: "pipeline", duration: seconds(10) },
  "runner.unavailable": { reach: "pipeline", duration: seconds(5) },
  "runner.crashed": { reach: "pipeline", duration: seconds(5) },
  // Of this job: smaller ones may fit, and a caller of large ones must not cost the others their orchestrators.
  "runner.out-of-memory": { reach: "pipeline", duration: seconds(5) },
  "runner.failed": { reach: "pipeline", duration: seconds(10) },
  "model.load-failed": { reach: "pipeline", duration: minutes(1) },
  internal: { reach: "pipeline", duration: seconds(10) },
};

/** Nobody is forgotten for longer than this: machines get repaired. */
const LONGEST_SUSPENSION = minutes(10);

/** The penalty for a failure, or `undefined` when it is not the peer's fault. */
export function penaltyOf(code: ErrorCode): Penalty | undefined {
  return penalties[code];
}

/** A time without work, and why. */
export interface Suspension {
  readonly reason: ErrorCode;
  readonly since: Milliseconds;
  readonly until: Milliseconds;
  /** Failures without a success in between; each doubles the time. */
  readonly failures: number;
}

/** The suspension after one more failure. */
export function suspended(
  before: Suspension | undefined,
  reason: ErrorCode,
  { duration }: Penalty,
  now: Milliseconds,
): Suspension {
  const failures = (before?.failures ?? 0) + 1;
  const length = Math.min(duration * 2 ** (failures - 1), LONGEST_SUSPENSION);
  return { reason, since: now, until: ms(now + length), failures };
}
