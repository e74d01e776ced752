import type { Signer } from "@rivulet/crypto";
import type { Ledger, Recipient } from "@rivulet/payments";
import type { Startable } from "@rivulet/primitives";
import type { PriceSource } from "./pricing.ts";

/** What makes an orchestrator work for money. Without it, it is off-chain, and works for nothing. */
export interface OrchestratorPayments {
  readonly recipient: Pick<Recipient, "address" | "ticketValue" | "issue" | "txCostMultiplier" | "accept">;
  readonly ledger: Pick<Ledger, "hold" | "fixedPrice">;
  readonly prices: PriceSource;
  /** Leaves the cost of redeeming out of the price. */
  readonly hasFixedPrices?: boolean;
  /** Signs answers to pings. */
  readonly signer?: Signer;
  /**
   * What lives as long as the orchestrator, in the order of starting: the ledger, the recipient, and the queue of winners or
   * the way to a redeemer. They are stopped after the last job.
   */
  readonly parts?: readonly Startable[];
}
