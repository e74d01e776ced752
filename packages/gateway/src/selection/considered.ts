import type { Address } from "@rivulet/crypto";
import type { Milliseconds, ServiceUri } from "@rivulet/primitives";
import type { Objection } from "../paying/payer.ts";
import type { Candidate } from "./candidate.ts";
import { scoreAt } from "./latency-score.ts";
import type { Suspension } from "./suspension.ts";

/** How an orchestrator stood when a job looked. */
export interface Considered {
  /** Where it takes jobs, and where it was found. */
  readonly orchestrator: ServiceUri;
  readonly uri: ServiceUri;
  readonly isWarm: boolean;
  readonly state: "free" | "busy" | "full" | "resting" | "probing" | "suspended" | "tried";
  /** 0 is unknown. */
  readonly score: number;
  readonly inFlight: number;
  readonly limit: number;
  readonly suspension?: Suspension;
  readonly operator: Address;
  /** Wei a unit, as an exact fraction; absent where it told none. */
  readonly price?: string;
  /** In 1e-18 LPT, as decimal text; absent where nobody has stake. */
  readonly stake?: string;
  /** What speaks against it, whatever its state. */
  readonly objection?: Objection;
  /** How likely it was to be drawn; absent when it could not be. */
  readonly chance?: number;
}

/** What is known of a candidate beside itself. */
interface Circumstances {
  readonly now: Milliseconds;
  /** Discovery addresses that the job does not want again. */
  readonly tried: ReadonlySet<string>;
  /** How likely it is to be drawn. */
  readonly chance: number | undefined;
  readonly stake: bigint | undefined;
}

/** How a candidate stands. */
export function consider(candidate: Candidate, { now, tried, chance, stake }: Circumstances): Considered {
  const { standing, session, offer } = candidate;
  const { suspension } = standing;
  const objection = candidate.pool.objection(candidate);
  return {
    orchestrator: session.serviceUri,
    uri: session.uri,
    isWarm: candidate.isWarm,
    state: tried.has(session.uri) ? "tried" : stateOf(candidate, now),
    score: scoreAt(candidate.score, now),
    inFlight: candidate.inFlight,
    limit: candidate.limit,
    ...(suspension && { suspension }),
    operator: session.operator,
    ...(offer.price && { price: `${offer.price}` }),
    ...(stake !== undefined && { stake: `${stake}` }),
    ...(objection && { objection }),
    ...(chance !== undefined && { chance }),
  };
}

function stateOf({ standing, restsUntil, inFlight, limit }: Candidate, now: Milliseconds): Considered["state"] {
  if (standing.suspension !== undefined && standing.suspension.until > now) return "suspended";
  if (standing.isProbing) return "probing";
  if (restsUntil > now) return "resting";
  if (inFlight >= limit) return "full";
  return inFlight > 0 ? "busy" : "free";
}
