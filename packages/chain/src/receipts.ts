import { type Address, address } from "@rivulet/crypto";
import type { TransactionHash } from "@rivulet/payments";
import { type ChainLog, parseLog } from "./rpc/blocks.ts";
import { hash32, hexData, list, optional, quantity, type RpcCall, record, rpcCall } from "./rpc/call.ts";

/** A transaction that was included and did what it should. */
export interface Receipt {
  readonly transaction: TransactionHash;
  readonly block: bigint;
  readonly gasUsed: bigint;
  /** Wei that the gas cost. */
  readonly gasCost: bigint;
  readonly logs: readonly ChainLog[];
}

/** A transaction in a block, whatever it did. */
export interface IncludedTransaction extends Receipt {
  readonly from: Address;
  readonly isSuccess: boolean;
}

/** A transaction's receipt; `undefined` while it is in no block. */
export function receiptOf(transaction: TransactionHash): RpcCall<IncludedTransaction | undefined> {
  return rpcCall("eth_getTransactionReceipt", [transaction], optional(parseReceipt));
}

function parseReceipt(value: unknown): IncludedTransaction {
  const receipt = record(value);
  const gasUsed = quantity(receipt["gasUsed"]);
  return {
    transaction: hash32(receipt["transactionHash"]),
    from: address(hexData(receipt["from"])),
    block: quantity(receipt["blockNumber"]),
    gasUsed,
    gasCost: gasUsed * quantity(receipt["effectiveGasPrice"]),
    isSuccess: quantity(receipt["status"]) === 1n,
    logs: list(parseLog)(receipt["logs"]),
  };
}
