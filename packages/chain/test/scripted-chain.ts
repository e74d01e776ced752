import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Clock, type Milliseconds, ms, type Startable } from "@rivulet/primitives";
import { numberToHex } from "viem";
import type { Hex } from "../src/hex.ts";

/** A question as it came over the wire. */
export interface ScriptedCall {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** What becomes of a call: a result, an error of JSON-RPC, an HTTP status with no JSON, or no answer at all. */
export type ScriptedAnswer =
  | { readonly result: unknown }
  | { readonly error: { readonly code: number; readonly message: string; readonly data?: unknown } }
  | { readonly status: number }
  | "silence";

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
export class ScriptedChain implements Startable {
  /** Every call that came, in order. */
  readonly calls: ScriptedCall[] = [];
  chainId = CHAIN_ID;
  /** Answers before the chain does; `undefined` leaves the call to it. */
  answer: (call: ScriptedCall) => ScriptedAnswer | undefined = () => undefined;
  /** Adds to what a block says of itself. */
  decorate: (number: bigint) => Readonly<Record<string, unknown>> = () => ({});
  takesBatches = true;
  #blocks: ScriptedBlock[] = [];
  #branch = 0;
  readonly #server: Server = createServer((request, response) => void this.#serve(request, response));

  constructor(length = 1) {
    this.mine(length);
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get head(): ScriptedBlock {
    const head = this.#blocks.at(-1);
    if (head === undefined) throw new Error("no blocks");
    return head;
  }

  /** The methods that were asked for. */
  get methods(): readonly string[] {
    return this.calls.map(({ method }) => method);
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

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    if (Array.isArray(body) && !this.takesBatches) {
      const refusal = { jsonrpc: "2.0", id: null, error: { code: -32600, message: "batches are not supported" } };
      return void response.end(JSON.stringify(refusal));
    }
    const calls: readonly (ScriptedCall & { readonly id: number })[] = Array.isArray(body) ? body : [body];
    const answers = calls.map((call) => ({ id: call.id, answer: this.#answerOf(call) }));
    if (answers.some(({ answer }) => answer === "silence")) return;
    const status = answers.map(({ answer }) => (typeof answer === "object" && "status" in answer ? answer.status : 0));
    const failure = status.find((one) => one !== 0);
    if (failure !== undefined) return void response.writeHead(failure).end("<html>no</html>");
    const out = answers.map(({ id, answer }) => ({ jsonrpc: "2.0", id, ...(answer as object) }));
    response.setHeader("content-type", "application/json").end(JSON.stringify(Array.isArray(body) ? out : out[0]));
  }

  #answerOf(call: ScriptedCall): ScriptedAnswer {
    this.calls.push({ method: call.method, params: call.params });
    return this.answer(call) ?? this.ask(call);
  }

  /** What the chain itself answers. */
  ask({ method, params }: ScriptedCall): ScriptedAnswer {
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
