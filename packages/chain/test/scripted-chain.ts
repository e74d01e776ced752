import { type Clock, type Milliseconds, ms } from "@rivulet/primitives";
import { type EndpointAnswer, type EndpointCall, type EndpointReply, FakeEndpoint } from "@rivulet/testkit";
import { numberToHex } from "viem";
import type { Hex } from "../src/hex.ts";

export interface ScriptedLog {
  readonly address: Hex;
  readonly topics: readonly Hex[];
  readonly data?: Hex;
}

interface ScriptedBlock {
  readonly number: bigint;
  readonly hash: Hex;
  readonly parentHash: Hex;
  readonly timestamp: bigint;
  readonly logs: readonly ScriptedLog[];
}

const CHAIN_ID = 31337;

/**
 * A chain of blocks and logs behind a real JSON-RPC server. Tests add blocks, replace some by others, and answer any call in
 * their own way.
 */
export class ScriptedChain extends FakeEndpoint {
  chainId = CHAIN_ID;
  /** Answers before the chain does; `undefined` leaves the call to it. */
  script: (call: EndpointCall) => EndpointReply | undefined = () => undefined;
  /** Adds to what a block says of itself. */
  decorate: (number: bigint) => Readonly<Record<string, unknown>> = () => ({});
  #blocks: ScriptedBlock[] = [];
  #branch = 0;

  constructor(length = 1) {
    super();
    this.mine(length);
  }

  get head(): ScriptedBlock {
    const head = this.#blocks.at(-1);
    if (head === undefined) throw new Error("no blocks");
    return head;
  }

  /** Adds blocks; `logs` are those of the last one. */
  mine(count = 1, logs: readonly ScriptedLog[] = []): void {
    for (let left = count; left > 0; left--) {
      const number = BigInt(this.#blocks.length);
      this.#blocks.push({
        number,
        hash: hashOf(this.#branch, number),
        parentHash: this.#blocks.at(-1)?.hash ?? hashOf(0, 0n),
        timestamp: 1_700_000_000n + number,
        logs: left === 1 ? logs : [],
      });
    }
  }

  /** Throws the last `depth` blocks away. Those mined afterwards are others. */
  undo(depth: number): void {
    this.#blocks = this.#blocks.slice(0, -depth);
    this.#branch++;
  }

  protected override reply(call: EndpointCall): EndpointReply {
    return this.script(call) ?? this.ask(call);
  }

  /** What the chain itself answers. */
  ask({ method, params }: EndpointCall): EndpointAnswer {
    if (method === "eth_chainId") return { result: numberToHex(this.chainId) };
    if (method === "eth_blockNumber") return { result: numberToHex(this.head.number) };
    if (method === "eth_getBlockByNumber") return { result: this.blockJson(String(params[0])) };
    if (method === "eth_getLogs") return { result: this.#logsJson(params[0] as LogQuery) };
    return { error: { code: -32601, message: `no ${method} here` } };
  }

  /** A block as the server writes it. */
  blockJson(tag: string): unknown {
    const block = tag === "latest" ? this.head : this.#blocks[Number(tag)];
    if (block === undefined) return null;
    return {
      number: numberToHex(block.number),
      hash: block.hash,
      parentHash: block.parentHash,
      timestamp: numberToHex(block.timestamp),
      baseFeePerGas: "0x5f5e100",
      ...this.decorate(block.number),
    };
  }

  #logsJson({ fromBlock, toBlock, address, topics }: LogQuery): unknown {
    const blocks = this.#blocks.slice(Number(fromBlock), Number(toBlock) + 1);
    return blocks.flatMap((block) =>
      block.logs.flatMap((log, index) =>
        address.includes(log.address) && log.topics[0] !== undefined && topics[0].includes(log.topics[0])
          ? [
              {
                address: log.address,
                topics: log.topics,
                data: log.data ?? "0x",
                blockNumber: numberToHex(block.number),
                blockHash: block.hash,
                transactionHash: block.hash,
                logIndex: numberToHex(index),
              },
            ]
          : [],
      ),
    );
  }
}

/** A hash that tells one block from another. */
function hashOf(branch: number, number: bigint): Hex {
  return `0x${branch.toString(16).padStart(32, "0")}${number.toString(16).padStart(32, "0")}`;
}

interface LogQuery {
  readonly fromBlock: Hex;
  readonly toBlock: Hex;
  readonly address: readonly Hex[];
  readonly topics: readonly [readonly Hex[]];
}

/** A clock on which every sleep is over at once and takes as long as it should. */
export class JumpingClock implements Clock {
  #now = 1_700_000_000_000;

  now(): Milliseconds {
    return ms(this.#now);
  }

  monotonic(): Milliseconds {
    return ms(this.#now);
  }

  async sleep(duration: Milliseconds, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.#now += duration;
  }

  alarm(): never {
    throw new Error("nobody sets an alarm");
  }

  /** Lets time pass. */
  pass(duration: Milliseconds): void {
    this.#now += duration;
  }
}
