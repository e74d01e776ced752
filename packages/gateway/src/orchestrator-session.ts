import type { Pipeline } from "@rivulet/pipelines";
import type { Milliseconds, ServiceUri } from "@rivulet/primitives";

/** One model an orchestrator says it serves. */
export interface Offer {
  readonly pipeline: Pipeline;
  readonly model: string;
  readonly isWarm: boolean;
  /** Jobs it said it would take at that moment. */
  readonly capacity: number;
  readonly runnerVersion: string;
  /** Wei a unit of work; absent off-chain. */
  readonly price?: { readonly wei: bigint; readonly units: bigint };
}

/** A device behind one model. */
export interface Device {
  readonly pipeline: string;
  readonly model: string;
  readonly id: string;
  readonly name: string;
  readonly memoryFree: bigint;
  readonly memoryTotal: bigint;
}

/** The token an orchestrator gave us; every job carries it back. */
export interface SessionToken {
  readonly token: Uint8Array;
  readonly sessionId: string;
  readonly expiresAt: Milliseconds;
}

/** What an orchestrator last told about itself. Replaced as a whole, never changed. */
export interface OrchestratorSession {
  /** Where it was found and is asked again. */
  readonly uri: ServiceUri;
  /** Where it takes jobs. */
  readonly serviceUri: ServiceUri;
  /** Lower-case hex with `0x`; zero off-chain. */
  readonly address: string;
  readonly version: string;
  readonly token: SessionToken;
  /** When this was told, and how long the telling took. */
  readonly seenAt: Milliseconds;
  readonly latency: Milliseconds;
  readonly offers: readonly Offer[];
  readonly devices: readonly Device[];
}
