import type { Address } from "@rivulet/crypto";
import type { Pipeline } from "@rivulet/pipelines";
import type { ErrorCode, Milliseconds, Rational, Work } from "@rivulet/primitives";
import type { Capabilities } from "@rivulet/wire";
import type { Offer, OrchestratorSession } from "../orchestrator-session.ts";
import type { Terms } from "../terms.ts";

/** An orchestrator at one model: what it last told of itself and of that model. */
export interface Peer {
  readonly session: OrchestratorSession;
  readonly offer: Offer;
}

/** Who asks orchestrators about themselves, and the signature that proves it. */
export interface Identity {
  readonly address: Address;
  /** Over `discoveryText(address)`; empty off-chain. */
  readonly signature: Uint8Array;
}

/** What one attempt is to be paid for. */
export interface Order extends Peer {
  readonly pipeline: Pipeline;
  readonly model: string;
  readonly work: Work;
  /** What is said of the job in its credentials. */
  readonly capabilities: Capabilities;
  /** The most that is paid for a unit. */
  readonly maxPrice?: Rational | undefined;
}

/** What one attempt cost, as the story of its job tells it. */
export interface JobPayment {
  /** Wei for a unit. */
  readonly price: Rational;
  readonly units: bigint;
  /** What the job was charged, exact wei. */
  readonly fee: Rational;
  /** Tickets that went with it; 0 when credit sufficed. */
  readonly tickets: number;
  /** What they are worth together, exact wei. */
  readonly expectedValue: Rational;
}

/**
 * How a paid request ended. "unsent": the payment was never taken, so credit is as before. "spent": nobody knows, so it
 * counts as gone. "charged": it was taken, and the work cost this much. "void": the orchestrator says that there is no
 * such credit, so the account starts anew. Source: payments 6.5, 21.
 */
export type Outcome =
  | { readonly kind: "unsent" }
  | { readonly kind: "spent" }
  | { readonly kind: "charged"; readonly fee: Rational }
  | { readonly kind: "void" };

/** The headers of one attempt, with the money that goes with them. */
export interface PaidRequest {
  readonly headers: Readonly<Record<string, string>>;
  /** Absent where nobody pays. */
  readonly payment?: JobPayment | undefined;
  /** Says, once, how the request ended. What it writes down is written in the background. */
  settle(outcome: Outcome): void;
}

/** Why an orchestrator gets no work of a model. */
export interface Objection {
  readonly code: ErrorCode;
  readonly reason: string;
}

/** Pays for jobs. Off-chain that is no payment at all. */
export interface Payer {
  /** Whether orchestrators are to be asked for terms, model by model. */
  readonly wantsTerms: boolean;
  identity(signal: AbortSignal): Promise<Identity>;
  /** Throws what keeps our own account from paying anybody, and says what its owner can do. */
  assertSolvent(signal: AbortSignal): Promise<void>;
  /** Throws what is wrong with terms that were just told. What is wrong with the payer's own funds is not. */
  check(terms: Terms, signal: AbortSignal): Promise<void>;
  /** Why these terms cannot be paid, as far as that is known at once; `undefined` when nothing speaks against them. */
  objection(peer: Peer): Objection | undefined;
  /**
   * The headers that pay for one attempt. Throws "price.above-maximum", "payment.price-increased", "payment.params-expired"
   * and what else is wrong with terms or funds. Settle what it returns.
   */
  pay(order: Order, signal: AbortSignal): Promise<PaidRequest>;
  /** How often terms are to be asked anew, whatever else; absent when `onDue` tells. */
  readonly renewEvery?: Milliseconds | undefined;
  /** Whether terms are past the middle of their life. */
  isDue(terms: Terms): boolean;
  /** Whether nothing can be paid on these terms any more, as far as that can be told. */
  isOver(terms: Terms): boolean;
  /** Told when terms may have become due. */
  onDue(listener: () => void): Disposable;
}
