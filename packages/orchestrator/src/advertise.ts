import { type Pipeline, pipelineOf } from "@rivulet/pipelines";
import { modelId } from "@rivulet/primitives";
import {
  bitsOf,
  type Capabilities,
  COMPATIBILITY_VERSION,
  DEFAULT_CAPABILITIES,
  isVersionAtLeast,
  type ModelConstraint,
} from "@rivulet/wire";
import type { ModelOffer } from "./executor.ts";

/** Which of an offer's numbers are told: gateways are told what is free and in use, an orchestrator what a worker has. */
export type ToldCapacity = "free" | "slots";

/**
 * Offers in the network's form: the default set, a bit for each pipeline, and each model with its slots.
 *
 * Offers of one model add up: warm when any is, the runner version the lowest, since any may get the job. A pipeline the
 * network has no number for cannot be told here. Source: wire-protocol 2.6, 5.2, 5.6.
 */
export function capabilitiesOfOffers(offers: readonly ModelOffer[], told: ToldCapacity): Capabilities {
  const models = new Map<number, Map<string, ModelConstraint>>();
  for (const offer of offers) {
    const { capability } = offer.pipeline;
    if (capability.kind !== "network") continue;
    const constraints = models.get(capability.id) ?? new Map<string, ModelConstraint>();
    models.set(capability.id, constraints.set(offer.model, sum(constraints.get(offer.model), offer, told)));
  }
  const numbers = [...DEFAULT_CAPABILITIES, ...models.keys()];
  return {
    bits: bitsOf(numbers),
    mandatory: [],
    capacities: new Map(numbers.map((number) => [number, 1])),
    version: COMPATIBILITY_VERSION,
    minVersion: "",
    models,
  };
}

/** What a worker's capabilities offer: models of batch pipelines with at least one slot. */
export function offersOfCapabilities(capabilities: Capabilities): readonly ModelOffer[] {
  return [...capabilities.models].flatMap(([capability, models]) => {
    const pipeline = pipelineOf(capability);
    // A live pipeline needs a runner beside the orchestrator; a worker that offers one anyway is not told of its jobs.
    return pipeline?.kind === "batch" ? [...models].flatMap((entry) => offerOf(pipeline, entry)) : [];
  });
}

/** Slots of one model at one worker: what is beyond is a mistake, and would draw every job to it. */
const MAX_SLOTS = 10_000;

function offerOf(pipeline: Pipeline, [model, constraint]: readonly [string, ModelConstraint]): readonly ModelOffer[] {
  const slots = Math.min(constraint.capacity, MAX_SLOTS);
  const { isWarm, runnerVersion } = constraint;
  return slots < 1 ? [] : [{ pipeline, model: modelId(model), isWarm, slots, free: slots, runnerVersion }];
}

function sum(known: ModelConstraint | undefined, offer: ModelOffer, told: ToldCapacity): ModelConstraint {
  const { isWarm, runnerVersion, slots, free } = offer;
  const capacity = offer[told];
  const capacityInUse = told === "free" ? Math.max(0, slots - free) : 0;
  if (known === undefined) return { isWarm, capacity, runnerVersion, capacityInUse };
  return {
    isWarm: known.isWarm || isWarm,
    capacity: known.capacity + capacity,
    runnerVersion: isVersionAtLeast(known.runnerVersion, runnerVersion) ? runnerVersion : known.runnerVersion,
    capacityInUse: known.capacityInUse + capacityInUse,
  };
}
