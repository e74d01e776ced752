import type { ServiceUri } from "@rivulet/primitives";

/** Where the addresses of orchestrators come from. Exactly one is used. */
export interface DiscoverySource {
  /** The addresses now. Throws when they cannot be had; discovery then goes on with those it has. */
  list(signal: AbortSignal): Promise<readonly ServiceUri[]>;
}
