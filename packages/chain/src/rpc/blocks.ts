import {
  type L1BlockNumber,
  type L2BlockNumber,
  l1BlockNumber,
  l2BlockNumber,
  type Milliseconds,
  seconds,
} from "@rivulet/primitives";
import { numberToHex } from "viem";
import type { Hex } from "../hex.ts";
import { hash32, hexData, list, optional, quantity, type RpcCall, record, rpcCall } from "./call.ts";

/** A block, as far as a node cares. */
export interface Head {
  readonly number: L2BlockNumber;
  readonly hash: Hex;
  readonly parentHash: Hex;
  /** By this the contracts tell time. */
  readonly l1Block: L1BlockNumber;
  readonly timestamp: Milliseconds;
  /** Wei for a unit of gas; 0 on chains from before EIP-1559. */
  readonly baseFee: bigint;
}

/** An event of a contract, not yet decoded. */
export interface ChainLog {
  readonly address: Hex;
  readonly topics: readonly Hex[];
  readonly data: Hex;
  readonly block: L2BlockNumber;
  readonly blockHash: Hex;
  readonly transaction: Hex;
  /** The place within its block. */
  readonly index: number;
}

/** Which logs: of any of the contracts, with any of the first topics. */
export interface LogFilter {
  readonly addresses: readonly Hex[];
  readonly topics: readonly Hex[];
}

export function latestBlock(): RpcCall<Head> {
  return rpcCall("eth_getBlockByNumber", ["latest", false], parseHead);
}

/** A block by its number; `undefined` where it is not known. */
export function blockAt(number: bigint): RpcCall<Head | undefined> {
  return rpcCall("eth_getBlockByNumber", [numberToHex(number), false], optional(parseHead));
}

/** The logs of all blocks from `first` to `last`. */
export function logsBetween(filter: LogFilter, first: bigint, last: bigint): RpcCall<readonly ChainLog[]> {
  const query = {
    fromBlock: numberToHex(first),
    toBlock: numberToHex(last),
    address: filter.addresses,
    topics: [filter.topics],
  };
  return rpcCall("eth_getLogs", [query], list(parseLog));
}

function parseHead(value: unknown): Head {
  const block = record(value);
  const number = quantity(block["number"]);
  // Clients in use drop the field that Arbitrum adds, so blocks are read as they are. Source: payments-and-chain 10.9.
  const l1Block = block["l1BlockNumber"];
  return {
    number: l2BlockNumber(number),
    hash: hash32(block["hash"]),
    parentHash: hash32(block["parentHash"]),
    l1Block: l1BlockNumber(l1Block === undefined || l1Block === null ? number : quantity(l1Block)),
    timestamp: seconds(Number(quantity(block["timestamp"]))),
    baseFee: block["baseFeePerGas"] === undefined ? 0n : quantity(block["baseFeePerGas"]),
  };
}

export function parseLog(value: unknown): ChainLog {
  const log = record(value);
  return {
    address: lowerCase(hexData(log["address"])),
    topics: list(hash32)(log["topics"]),
    data: hexData(log["data"]),
    block: l2BlockNumber(quantity(log["blockNumber"])),
    blockHash: hash32(log["blockHash"]),
    transaction: hash32(log["transactionHash"]),
    index: Number(quantity(log["logIndex"])),
  };
}

function lowerCase(hex: Hex): Hex {
  return hex.toLowerCase() as Hex;
}
