import { invariant } from "@rivulet/primitives";

/** The network's number for a pipeline, or the name of a pipeline the network has no number for. */
export type Capability = NetworkCapability | { readonly kind: "byoc"; readonly name: string };

export interface NetworkCapability {
  readonly kind: "network";
  /** Bit number in capability bit strings. Source: wire-protocol 2.6. */
  readonly id: number;
}

export function networkCapability(id: number): NetworkCapability {
  invariant(Number.isInteger(id) && id >= 0 && id < 128, `capability numbers are 0 to 127: ${id}`);
  return { kind: "network", id };
}
