import type { Address } from "@rivulet/crypto";
import type { Milliseconds } from "@rivulet/primitives";

/** All that tells one chain with the protocol's contracts from another. */
export interface Network {
  readonly name: string;
  readonly chainId: number;
  /** Whether everybody may join: then whoever is on it is reached over the public internet. */
  readonly isPublic: boolean;
  /** The one contract whose address is configured; it knows the others. */
  readonly controller: Address;
  /** The registry of AI nodes, which the controller does not know; `undefined` where there is only the one. */
  readonly aiServiceRegistry: Address | undefined;
  /** The price feed of ETH in USD, unless the operator names another. */
  readonly priceFeed: Address | undefined;
  /** Gas that the redemption of one ticket is taken to cost, for face values and for the gate before redeeming. */
  readonly redeemGas: bigint;
  /** Gas of each further ticket in the same transaction: half, where 43 % were measured on the local chain. */
  readonly redeemGasFurther: bigint;
  /** Gas prices below this, in wei, are taken for errors of an endpoint. */
  readonly minGasPrice: bigint;
  /** How many blocks it takes, its own counted, until a transaction is believed. */
  readonly confirmations: number;
  /** How often the head of the chain is asked for. */
  readonly pollInterval: Milliseconds;
  /** The head is stale when no block came for this long; `undefined` where blocks come only when somebody needs one. */
  readonly staleAfter: Milliseconds | undefined;
}
