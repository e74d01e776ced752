import { type Clock, type Milliseconds, ms } from "@rivulet/primitives";
import type { Discovery } from "./discovery/discovery.ts";
import type { OrchestratorSession } from "./orchestrator-session.ts";
import type { Considered } from "./selection/considered.ts";
import type { Selector } from "./selection/selector.ts";
import type { Suspension } from "./selection/suspension.ts";

/** The network as this gateway sees it, as JSON: `GET /network`. */
export function networkView(selector: Selector, discovery: Discovery, clock: Clock) {
  const now = clock.now();
  return {
    at: timeOf(now),
    orchestrators: selector.sessions().map((session) => orchestratorView(session, selector, now)),
    /** Addresses that are listed and get no work. */
    unused: discovery.unused,
  };
}

function orchestratorView(session: OrchestratorSession, selector: Selector, now: Milliseconds) {
  const standing = selector.standing(session.uri);
  return {
    uri: session.uri,
    service_uri: session.serviceUri,
    address: session.address,
    /** Who is paid, and whose stake counts. */
    operator: session.operator,
    version: session.version,
    capabilities: [...new Set(session.offers.map(({ pipeline }) => pipeline.name))],
    last_seen: timeOf(session.seenAt),
    latency_ms: session.latency,
    models: standing.map((model) => modelView(model, session, now)),
    hardware: session.hardware.map(({ pipeline, model, gpus }) => ({
      pipeline,
      model,
      gpus: Array.from(gpus, ([index, { id, name, major, minor, memoryFree, memoryTotal }]) => ({
        index,
        id,
        name,
        compute: `${major}.${minor}`,
        memory_free_bytes: String(memoryFree),
        memory_total_bytes: String(memoryTotal),
      })),
    })),
  };
}

function modelView(
  { pipeline, model, ...stands }: Considered & { readonly pipeline: string; readonly model: string },
  session: OrchestratorSession,
  now: Milliseconds,
) {
  const offer = session.offers.find((each) => each.pipeline.name === pipeline && each.model === model);
  return {
    pipeline,
    model,
    warm: stands.isWarm,
    state: stands.state,
    capacity: stands.limit,
    in_flight: stands.inFlight,
    free: Math.max(0, stands.limit - stands.inFlight),
    /** Smaller is faster; 0 is unknown. */
    score: stands.score,
    runner_version: offer?.runnerVersion ?? "",
    /** Wei for one unit, as an exact fraction; null where it told none. */
    price: offer?.price === undefined ? null : { wei_per_unit: offer.price.toString(), unit: offer.pipeline.unit },
    /** In 1e-18 LPT, as decimal text; null where stakes are not known. */
    stake: stands.stake ?? null,
    /** Of being chosen for the next job of the model; null when it cannot be, or nothing is drawn. */
    chance: stands.chance ?? null,
    /** Why it gets no job of the model, besides its failures. */
    objection: stands.objection ?? null,
    suspension: stands.suspension === undefined ? null : suspensionView(stands.suspension, now),
  };
}

function suspensionView({ reason, failures, since, until }: Suspension, now: Milliseconds) {
  return {
    reason,
    failures,
    since: timeOf(since),
    until: timeOf(until),
    remaining_ms: ms(Math.max(0, until - now)),
  };
}

function timeOf(instant: Milliseconds): string {
  return new Date(instant).toISOString();
}
