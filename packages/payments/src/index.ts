export {
  type AccountChange,
  type AccountKey,
  type AccountRow,
  type AccountSide,
  type AccountTotals,
  accountText,
  addTotals,
  balanceOf,
  changedAccount,
  closedTotals,
  NO_TOTALS,
  type PeerTotals,
} from "./account.ts";
export { type AppPrice, type AppPriceText, type AppUnit, appPrice } from "./app-price.ts";
export { byocCost, byocIsCovered, byocNeedsPayment, byocSeconds, byocTickets } from "./byoc.ts";
export { type FeedPrice, feedPair, feedPrice, meteredMicros, type PriceFeed, weiFrom } from "./currency.ts";
export type { Exposure } from "./exposure.ts";
export { type FaceValueTerms, faceValue, TX_COST_MULTIPLIER, txCostMultiplier } from "./face-value.ts";
export { type Hold, Ledger, type LedgerPorts } from "./ledger.ts";
export {
  type BilledTime,
  billTime,
  LIVE_PREPAID_SECONDS,
  LIVE_PREPAID_UNITS,
  LIVE_UNITS_PER_SECOND,
} from "./live-billing.ts";
export { MemoryPaymentStore } from "./memory-payment-store.ts";
export { MAX_NONCES, NonceWindow } from "./nonce-window.ts";
export type {
  Activity,
  Broker,
  GasPrice,
  LedgerStore,
  MaxFloats,
  NonceReservation,
  NonceState,
  PaymentStore,
  PaymentToTake,
  RecipientSecret,
  RedeemOptions,
  Redemption,
  RedemptionOutcome,
  Rounds,
  SenderFunds,
  Senders,
  SignatureRecovery,
  SignedHash,
  SignedTickets,
  TakenPayment,
  TicketSigner,
  TicketStore,
  TransactionHash,
  WinnerQuery,
  WinnerRecord,
  WinnerSink,
  WinnerState,
  WinnerTotals,
} from "./ports.ts";
export { exactNumber, type PriceText, perUnit, pixelsPerUnit, priceText } from "./price-text.ts";
export {
  type AcceptedPayment,
  PARAMS_LIFETIME,
  type PaymentTerms,
  Recipient,
  type RecipientOptions,
  type RecipientPorts,
} from "./recipient.ts";
export {
  RedemptionQueue,
  type RedemptionQueueOptions,
  type RedemptionQueuePorts,
  type WaitingWinner,
} from "./redemption-queue.ts";
export type { GasLimits, Obstacle } from "./redemption-rules.ts";
export {
  billedUnits,
  decideSigning,
  MAX_SIGNED_TICKETS,
  type MaxPriceText,
  maxPriceOf,
  type PriceCeiling,
  type SignerBook,
  type SignerBudget,
  type SigningDecision,
  type SigningQuestion,
  type SigningStep,
  STATE_LIFETIME,
  withCaller,
} from "./remote-signer.ts";
export { assertPriceHeld, type PaymentOrder, Sender, type SenderOptions, type SenderPorts } from "./sender.ts";
export { type SenderCover, SenderMonitor, type SenderMonitorPorts, senderCover } from "./sender-monitor.ts";
export {
  type BillingType,
  billingType,
  billingTypes,
  decodeSignerState,
  encodeSignerState,
  MAX_STATE_BYTES,
  type SignerState,
} from "./signer-state.ts";
export { type Staged, type TicketNeed, ticketsNeeded } from "./staged-payment.ts";
export {
  auxData,
  draw,
  type Payment,
  type SignedTicket,
  type Ticket,
  type TicketBatch,
  type TicketHash,
  ticketHash,
  ticketHashText,
  type WinningTicket,
  wins,
} from "./ticket.ts";
export type { TicketExpiration, TicketParams } from "./ticket-params.ts";
export { CERTAIN_WIN, ticketValue, winProbability } from "./win-probability.ts";
