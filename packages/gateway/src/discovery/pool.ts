import type { Address } from "@rivulet/crypto";
import type { Round } from "@rivulet/primitives";

/** An orchestrator as the contracts know it. */
export interface RegisteredOrchestrator {
  /** Its account on the chain, which is also the recipient of tickets. */
  readonly address: Address;
  /** As it stands in the registry that is used; empty where it has written none there. */
  readonly serviceUri: string;
  /** The first round in which it may earn. */
  readonly activationRound: bigint;
  /** The first round in which it may no longer. */
  readonly deactivationRound: bigint;
  /** Delegated to it in `round`, in 1e-18 LPT. */
  readonly stake: bigint;
}

/** The orchestrators on the chain: its pool, kept up to date by its events, and what a store remembers of both. */
export interface OrchestratorPool {
  /** The last initialized round: the one in which activity counts, and whose stakes these are. */
  readonly round: Round;
  /** Everybody known, active or not. Throws "chain.*" when there is nothing to answer with. */
  orchestrators(signal: AbortSignal): Promise<readonly RegisteredOrchestrator[]>;
  /** Told when somebody joined, left or moved, and at each round. */
  onChanged(listener: () => void): Disposable;
}
