import type { Address } from "@rivulet/crypto";
import type { ServiceUri } from "@rivulet/primitives";

/** Where an orchestrator is, and, as far as that is known, who. */
export interface Listed {
  readonly uri: ServiceUri;
  /** The accounts that registered this address. Whoever answers there must be one of them. */
  readonly registered?: ReadonlySet<Address>;
}

/** Where the addresses of orchestrators come from. Exactly one is used. */
export interface DiscoverySource {
  /** The addresses now. Throws when they cannot be had; discovery then goes on with those it has. */
  list(signal: AbortSignal): Promise<readonly Listed[]>;
}
