import { type Milliseconds, ms } from "@rivulet/primitives";
import type { Offer, OrchestratorSession } from "../orchestrator-session.ts";
import { type LatencyScore, rankOf } from "./latency-score.ts";
import type { ModelPool } from "./pool.ts";
import type { Suspension } from "./suspension.ts";

/** What one orchestrator deserves at one pipeline: shared by its models. */
export interface Standing {
  suspension: Suspension | undefined;
  /** After a suspension one job decides; while it runs, no second one is sent. */
  isProbing: boolean;
  readonly candidates: Set<Candidate>;
}

/** One orchestrator as a place for jobs of one pipeline and model. */
export interface Candidate {
  readonly pool: ModelPool;
  readonly standing: Standing;
  session: OrchestratorSession;
  offer: Offer;
  isWarm: boolean;
  /** The most jobs of ours at once. */
  limit: number;
  /** Slots it has, as far as it told: free ones and taken ones. */
  slots: number;
  inFlight: number;
  score: LatencyScore | undefined;
  /** It said it was full: nothing is sent before this. */
  restsUntil: Milliseconds;
  /** When it leaves the resting place. */
  wakesAt: Milliseconds;
  /** Sequence number of its last job: among equals, the one that waited longest is next. */
  lastChosen: number;
  isGone: boolean;
}

/** As it stands before its first job. */
export function newCandidate(
  pool: ModelPool,
  standing: Standing,
  session: OrchestratorSession,
  offer: Offer,
): Candidate {
  return {
    pool,
    standing,
    session,
    offer,
    isWarm: offer.isWarm,
    limit: Math.max(1, offer.capacity),
    slots: slotsOf(offer, 0),
    inFlight: 0,
    score: undefined,
    restsUntil: ms(0),
    wakesAt: ms(0),
    lastChosen: 0,
    isGone: false,
  };
}

/** Slots there are: those that are free and those in use. Who does not tell the latter had at least what it once said was free. */
export function slotsOf({ capacity, capacityInUse }: Offer, before: number): number {
  return capacityInUse > 0 ? capacity + capacityInUse : Math.max(before, capacity);
}

/** Jobs of ours under way that count as warm. */
export function warmWork(candidate: Candidate | undefined): number {
  return candidate?.isWarm === true && !candidate.isGone ? candidate.inFlight : 0;
}

/** Idle before busy, then the best score with the unknown first, then who waited longest. */
export function isBefore(a: Candidate, b: Candidate): boolean {
  const load = a.inFlight / a.limit - b.inFlight / b.limit;
  if (load !== 0) return load < 0;
  const [rankA, rankB] = [rankOf(a.score), rankOf(b.score)];
  return rankA === rankB ? a.lastChosen < b.lastChosen : rankA < rankB;
}
