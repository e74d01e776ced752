import type { Pipeline } from "@rivulet/pipelines";
import { feeFor, type Work } from "@rivulet/primitives";
import type { Discovery, Unused } from "./discovery/discovery.ts";
import type { PriceLimits } from "./paying/price-limits.ts";
import type { Considered } from "./selection/considered.ts";
import type { Selector } from "./selection/selector.ts";

/** What a request asks for, as far as choosing an orchestrator goes. */
export interface Wanted {
  readonly pipeline: Pipeline;
  readonly model: string;
  /** Absent: what a job costs is not asked. */
  readonly work?: Work | undefined;
}

/** One orchestrator as seen for one request. */
export interface ExplainedOrchestrator {
  readonly orchestrator: string;
  readonly operator: string;
  readonly warm: boolean;
  readonly state: Considered["state"];
  /** Smaller is faster; 0 is unknown. */
  readonly score: number;
  readonly in_flight: number;
  readonly capacity: number;
  /** In 1e-18 LPT, as decimal text; null where stakes are not known. */
  readonly stake: string | null;
  /** Wei a unit, as an exact fraction; null where it told none. */
  readonly price: string | null;
  /** Wei for the whole job, rounded up; null when it is not asked, or nothing is known. */
  readonly fee: string | null;
  /** Of being chosen now; null when it cannot be, or nothing is drawn. */
  readonly chance: number | null;
  /** Why it would not be chosen now: codes, or its state. */
  readonly ruled_out: { readonly code: string; readonly reason: string } | null;
}

/** Who would get a request, and why not the others: `GET /network/explain`, `POST /network/estimate`. */
export interface Explanation {
  readonly pipeline: string;
  readonly model: string;
  readonly unit: string;
  /** The work of the request; null when it is not asked. */
  readonly units: string | null;
  /** The most that is paid for a unit, as an exact fraction; null for any price. */
  readonly max_price: string | null;
  readonly orchestrators: readonly ExplainedOrchestrator[];
  /** Addresses that are listed and get no work at all. */
  readonly unused: readonly Unused[];
}

/** Far more than any network has; bounds the answer. */
const MOST_EXPLAINED = 10_000;

/** Tells, for one request, every orchestrator with its numbers, the dearest chance first. */
export function explain(
  { pipeline, model, work }: Wanted,
  ports: { readonly selector: Selector; readonly discovery: Discovery; readonly limits?: PriceLimits | undefined },
): Explanation {
  const { selector, discovery, limits } = ports;
  const demand = { pipeline: pipeline.name, model };
  const fees = new Map(
    selector.offers(demand).flatMap(({ session, offer: { price } }) => {
      if (work === undefined || price === undefined) return [];
      return [[session.uri as string, feeFor({ unit: pipeline.unit, weiPerUnit: price }, work).ceil()] as const];
    }),
  );
  const considered = selector.considered(demand, new Set(), MOST_EXPLAINED);
  return {
    ...demand,
    unit: pipeline.unit,
    units: work === undefined ? null : `${work.amount}`,
    max_price: limits?.maxPrice(pipeline, model)?.toString() ?? null,
    orchestrators: considered
      .toSorted((a, b) => (b.chance ?? 0) - (a.chance ?? 0))
      .map((each) => explained(each, fees.get(each.uri))),
    unused: discovery.unused,
  };
}

function explained(each: Considered, fee: bigint | undefined): ExplainedOrchestrator {
  return {
    orchestrator: each.orchestrator,
    operator: each.operator,
    warm: each.isWarm,
    state: each.state,
    score: each.score,
    in_flight: each.inFlight,
    capacity: each.limit,
    stake: each.stake ?? null,
    price: each.price ?? null,
    fee: fee === undefined ? null : `${fee}`,
    chance: each.chance ?? null,
    ruled_out: ruledOut(each),
  };
}

/** States in which an orchestrator gets no job, in words. */
const sayings: Partial<Record<Considered["state"], string>> = {
  full: "all its slots are taken",
  resting: "it said a moment ago that it is full",
  probing: "one job decides whether it has recovered",
  tried: "the job has been there",
};

function ruledOut({ objection, suspension, state }: Considered): ExplainedOrchestrator["ruled_out"] {
  if (objection !== undefined) return objection;
  if (state === "suspended" && suspension !== undefined)
    return { code: suspension.reason, reason: `suspended until ${new Date(suspension.until).toISOString()}` };
  const reason = sayings[state];
  return reason === undefined ? null : { code: state, reason };
}
