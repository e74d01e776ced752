import type { Address } from "@rivulet/crypto";
import type { Pipeline } from "@rivulet/pipelines";
import type { Milliseconds, ServiceUri } from "@rivulet/primitives";
import type { AuthToken, Hardware, WeiPerUnit } from "@rivulet/wire";
import type { Objection } from "./paying/payer.ts";
import type { Terms } from "./terms.ts";

/** One model an orchestrator says it serves, and that we may ask it for. */
export interface Offer {
  readonly pipeline: Pipeline;
  readonly model: string;
  readonly isWarm: boolean;
  /** Jobs it said it would take at that moment. */
  readonly capacity: number;
  /** Jobs it said it had under way, ours among them; 0 from those who do not tell. */
  readonly capacityInUse: number;
  readonly runnerVersion: string;
  /** For one unit of the pipeline's work; absent where it told none. */
  readonly price?: WeiPerUnit;
  /** On what terms it is paid; absent where nobody pays. */
  readonly terms?: Terms;
  /** Why there are no terms where there should be. */
  readonly objection?: Objection;
}

/** What an orchestrator last told about itself. Replaced as a whole, never changed. */
export interface OrchestratorSession {
  /** Where it was found and is asked again. */
  readonly uri: ServiceUri;
  /** Where it takes jobs. */
  readonly serviceUri: ServiceUri;
  /** Zero off-chain. */
  readonly address: Address;
  /** Who is paid, and whose stake counts: the recipient of its tickets, or `address` where there are none. */
  readonly operator: Address;
  readonly version: string;
  /** Every job carries it back. */
  readonly token: AuthToken;
  /** When this was told, and how long the telling took. */
  readonly seenAt: Milliseconds;
  readonly latency: Milliseconds;
  readonly offers: readonly Offer[];
  readonly hardware: readonly Hardware[];
}
