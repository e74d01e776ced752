import type { Pipeline } from "@rivulet/pipelines";
import { bitsOf, type Capabilities, COMPATIBILITY_VERSION, DEFAULT_CAPABILITIES } from "@rivulet/wire";

/** The least versions a gateway accepts; empty is any. */
export interface LeastVersions {
  /** Of the orchestrator's software. */
  readonly node: string;
  /** Of the runner, by `pipeline/model`. */
  readonly runners: Readonly<Record<string, string>>;
}

/**
 * What one model's jobs need of an orchestrator: to be asked of its offer, and said in each job's credentials. The default
 * capabilities are part of it by the network's rule. `undefined` for a pipeline that has no number. Source: wire-protocol 3.6.
 */
export function wantedCapabilities(pipeline: Pipeline, model: string, least: LeastVersions): Capabilities | undefined {
  const { capability } = pipeline;
  if (capability.kind !== "network") return undefined;
  const numbers = [...DEFAULT_CAPABILITIES, capability.id];
  const key = `${pipeline.name}/${model}`;
  const runnerVersion = Object.hasOwn(least.runners, key) ? (least.runners[key] ?? "") : "";
  return {
    bits: bitsOf(numbers),
    mandatory: [],
    capacities: new Map(numbers.map((number) => [number, 1])),
    version: COMPATIBILITY_VERSION,
    minVersion: least.node,
    models: new Map([
      [capability.id, new Map([[model, { isWarm: false, capacity: 0, runnerVersion, capacityInUse: 0 }]])],
    ]),
  };
}
