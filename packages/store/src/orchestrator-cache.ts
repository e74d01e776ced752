import type { Address } from "@rivulet/crypto";
import type { Milliseconds, Rational } from "@rivulet/primitives";

/** What is known of an orchestrator from the chain, and the price it told last. Absent is what was never learned. */
export interface KnownOrchestrator {
  readonly address: Address;
  /** As registered; empty when the registry has none. Nobody has checked that it is a URL. */
  readonly serviceUri?: string;
  /** The same of the registry for AI, which is another contract. */
  readonly aiServiceUri?: string;
  /** It works in rounds from this one, */
  readonly activationRound?: bigint;
  /** up to and without this one. */
  readonly deactivationRound?: bigint;
  /** In the smallest unit of the token, for `stakeRound`. */
  readonly stake?: bigint;
  readonly stakeRound?: bigint;
  /** Wei for a unit of the work it was asked about. */
  readonly price?: Rational;
  readonly pricedAt?: Milliseconds;
  readonly updatedAt: Milliseconds;
}

/** What was learned now. What is absent stays as it was; an empty text is learned, too, and replaces the one before. */
export type OrchestratorUpdate = KnownOrchestrator;

/** What discovery learned of orchestrators, so that a node that starts need not ask the chain for all of it. */
export interface OrchestratorCache {
  all(): Promise<readonly KnownOrchestrator[]>;
  find(address: Address): Promise<KnownOrchestrator | undefined>;
  /** Adds to what is known, all of it or nothing. */
  learn(updates: readonly OrchestratorUpdate[]): Promise<void>;
  /** Forgets those not updated since `before`. Tells how many. */
  prune(before: Milliseconds): Promise<number>;
}

/** Whether it may work in `round`, as far as is known. */
export function isActiveIn({ activationRound, deactivationRound }: KnownOrchestrator, round: bigint): boolean {
  if (activationRound === undefined || deactivationRound === undefined) return false;
  return activationRound <= round && round < deactivationRound;
}
