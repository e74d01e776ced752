import type { Address } from "@rivulet/crypto";
import { RivuletError } from "@rivulet/primitives";
import {
  type Abi,
  type AbiEvent,
  type ContractEventName,
  type ContractFunctionArgs,
  type ContractFunctionName,
  type ContractFunctionReturnType,
  type DecodeFunctionResultParameters,
  decodeEventLog,
  decodeFunctionResult,
  type EncodeFunctionDataParameters,
  encodeFunctionData,
  type GetEventArgs,
  getAbiItem,
  numberToHex,
  toEventSelector,
} from "viem";
import type { Hex } from "../hex.ts";
import type { ChainLog, LogFilter } from "../rpc/blocks.ts";
import { hexData, type RpcCall, rpcCall } from "../rpc/call.ts";

type ReadName<A extends Abi> = ContractFunctionName<A, "pure" | "view">;
type ReadArgs<A extends Abi, N extends ReadName<A>> = ContractFunctionArgs<A, "pure" | "view", N>;
type WriteName<A extends Abi> = ContractFunctionName<A, "nonpayable" | "payable">;
type WriteArgs<A extends Abi, N extends WriteName<A>> = ContractFunctionArgs<A, "nonpayable" | "payable", N>;

/** The block whose state is read: by its number, or whichever is the newest where the question arrives. */
export type ReadAt = bigint | "latest";

/** A call that is sent as a transaction. */
export interface ContractWrite {
  readonly to: Address;
  readonly data: Hex;
  /** Wei that goes with it. */
  readonly value: bigint;
  /** For logs and errors. */
  readonly functionName: string;
}

/** An event of a contract with its arguments. */
export type ContractEvent<A extends Abi> = {
  [N in ContractEventName<A>]: {
    readonly name: N;
    readonly args: GetEventArgs<A, N, { EnableUnion: false; IndexedOnly: false; Required: true }>;
    readonly log: ChainLog;
  };
}[ContractEventName<A>];

/** A contract at an address: what can be asked of it, done with it and heard from it, typed by its ABI. */
export class Contract<const A extends Abi> {
  readonly address: Address;
  readonly #abi: A;

  constructor(address: Address, abi: A) {
    this.address = address;
    this.#abi = abi;
  }

  /** A question. Throws "chain.contract-missing" when nothing is at the address. */
  read<const N extends ReadName<A>>(
    functionName: N,
    args: ReadArgs<A, N>,
    at: ReadAt = "latest",
  ): RpcCall<ContractFunctionReturnType<A, "pure" | "view", N, ReadArgs<A, N>>> {
    const call = { to: this.address, data: this.#encode(functionName, args) };
    return rpcCall("eth_call", [call, at === "latest" ? at : numberToHex(at)], (result) => {
      const data = hexData(result);
      if (data === "0x") {
        throw new RivuletError("chain.contract-missing", { reason: `${functionName} at ${this.address}` });
      }
      // viem leaves the combination of a generic ABI and name unresolved; the public signature says what it is.
      const question = { abi: this.#abi, functionName, args, data } as unknown as DecodeFunctionResultParameters;
      return decodeFunctionResult(question) as ContractFunctionReturnType<A, "pure" | "view", N, ReadArgs<A, N>>;
    });
  }

  write<const N extends WriteName<A>>(functionName: N, args: WriteArgs<A, N>, value = 0n): ContractWrite {
    return { to: this.address, data: this.#encode(functionName, args), value, functionName };
  }

  /** Logs with any of these events. */
  filter(names: readonly ContractEventName<A>[]): LogFilter {
    const topics = names.map((name) => {
      const event = getAbiItem({ abi: this.#abi as Abi, name: name as string }) as AbiEvent;
      return toEventSelector(event);
    });
    return { addresses: [this.address], topics };
  }

  /** The events of this contract among `logs`, in their order. Events that the ABI does not know are left out. */
  events(logs: readonly ChainLog[]): readonly ContractEvent<A>[] {
    return logs.filter((log) => log.address === this.address).flatMap((log) => this.#decode(log));
  }

  #decode(log: ChainLog): readonly ContractEvent<A>[] {
    const [topic, ...indexed] = log.topics;
    if (topic === undefined) return [];
    try {
      const decoded = decodeEventLog({ abi: this.#abi, data: log.data, topics: [topic, ...indexed], strict: true });
      return [{ name: decoded.eventName, args: decoded.args, log } as unknown as ContractEvent<A>];
    } catch {
      // A proxied contract may be given events that this version of us has never heard of.
      return [];
    }
  }

  #encode(functionName: string, args: unknown): Hex {
    return encodeFunctionData({ abi: this.#abi, functionName, args } as unknown as EncodeFunctionDataParameters);
  }
}
