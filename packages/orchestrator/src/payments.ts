import type { Address, Signer } from "@rivulet/crypto";
import type { AccountKey } from "@rivulet/payments";
import type { Rational, Startable, Wei } from "@rivulet/primitives";
import type { Payment, TicketParams } from "@rivulet/wire";
import type { PriceSource } from "./pricing.ts";

/** Takes tickets: `Recipient` of `@rivulet/payments`. */
export interface TicketTaker {
  /** Whom tickets are made out to. */
  readonly address: Address;
  /** What a ticket is worth at least. */
  readonly expectedValue: Wei;
  ticketParams(sender: Address, price: Rational, signal?: AbortSignal): Promise<TicketParams>;
  txCostMultiplier(sender: Address, signal?: AbortSignal): Promise<Rational>;
  accept(payment: Payment, accountId: string, signal?: AbortSignal): Promise<unknown>;
}

/** Keeps accounts: `Ledger` of `@rivulet/payments`. */
export interface Accounts {
  /** What is on an account; zero when there is none. */
  balance(account: AccountKey): Rational;
  /** In memory at once, on disk when it resolves. */
  debit(account: AccountKey, amount: Rational): Promise<void>;
}

/** What makes an orchestrator work for money. Without it, it is off-chain, and works for nothing. */
export interface OrchestratorPayments {
  readonly recipient: TicketTaker;
  readonly ledger: Accounts;
  readonly prices: PriceSource;
  /** Leaves the cost of redeeming out of the price. */
  readonly hasFixedPrices?: boolean;
  /** Signs answers to pings. */
  readonly signer?: Signer;
  /** Parts that live as long as the orchestrator: the queue of winners, or the way to a redeemer. */
  readonly parts?: readonly Startable[];
}
