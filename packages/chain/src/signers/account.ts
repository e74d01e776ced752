import type { Address } from "@rivulet/crypto";
import type { Hex } from "../hex.ts";

/** A transaction before it is signed. Amounts are wei, fees are wei for a unit of gas. */
export interface UnsignedTransaction {
  readonly chainId: number;
  readonly nonce: number;
  readonly to: Address;
  readonly data: Hex;
  readonly value: bigint;
  readonly gas: bigint;
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/** Who sends transactions. */
export interface Account {
  readonly address: Address;
  /** The signed transaction as it is sent. Throws "chain.cannot-sign" when the key is elsewhere. */
  signTransaction(transaction: UnsignedTransaction): Promise<Hex>;
}
