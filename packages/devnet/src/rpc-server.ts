import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isError, RivuletError, readTextWithin, type Startable } from "@rivulet/primitives";
import { type RpcCall, RpcFailure } from "./evm.ts";

/** Answers one call, or throws `RpcFailure`. */
export type AnswerRpc = (call: RpcCall) => Promise<unknown>;

/** The largest transaction that fits into a block is a fraction of this. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;
/** Calls in one body. Public endpoints allow about as many. */
const MAX_BATCH = 1_000;

const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;
const INTERNAL_ERROR = -32603;

/** JSON-RPC 2.0 over HTTP on the loopback interface: single calls and batches. */
export class RpcServer implements Startable {
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  readonly #port: number;
  readonly #answer: AnswerRpc;

  /** `port` 0 takes any that is free. */
  constructor(port: number, answer: AnswerRpc) {
    this.#port = port;
    this.#answer = answer;
  }

  async start(): Promise<void> {
    this.#server.listen(this.#port, "127.0.0.1");
    try {
      await once(this.#server, "listening");
    } catch (cause) {
      const reason = `the chain cannot listen on port ${this.#port}: another program may do so`;
      throw new RivuletError("node.cannot-start", { reason }, { cause });
    }
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== "POST") {
      response.writeHead(405, { allow: "POST" }).end();
      return;
    }
    try {
      const body = await readTextWithin(request, MAX_BODY_BYTES, tooLarge);
      const text = JSON.stringify(await this.#answerBody(body));
      response.writeHead(200, { "content-type": "application/json" }).end(text);
    } catch (error) {
      if (isError(error, "request.too-large")) response.writeHead(413, { connection: "close" }).end();
      // The caller is gone: nobody is left to be told.
      else response.destroy();
    }
  }

  async #answerBody(body: string): Promise<unknown> {
    let parsed: unknown;
    try {
      parsed = JSON.parse(body);
    } catch {
      return failed(null, new RpcFailure(PARSE_ERROR, "not JSON"));
    }
    if (!Array.isArray(parsed)) return this.#answerOne(parsed);
    if (parsed.length === 0 || parsed.length > MAX_BATCH)
      return failed(null, new RpcFailure(INVALID_REQUEST, `a batch has 1 to ${MAX_BATCH} calls`));
    return Promise.all(parsed.map((call) => this.#answerOne(call)));
  }

  async #answerOne(call: unknown): Promise<unknown> {
    if (!isCall(call)) return failed(null, new RpcFailure(INVALID_REQUEST, "not a call"));
    try {
      return { jsonrpc: "2.0", id: call.id ?? null, result: await this.#answer(call) };
    } catch (error) {
      return failed(call.id ?? null, error);
    }
  }
}

function isCall(value: unknown): value is RpcCall & { readonly id?: unknown } {
  return typeof value === "object" && value !== null && typeof Reflect.get(value, "method") === "string";
}

function failed(id: unknown, error: unknown): unknown {
  const { code, message, data } =
    error instanceof RpcFailure ? error : new RpcFailure(INTERNAL_ERROR, error instanceof Error ? error.message : "");
  return { jsonrpc: "2.0", id, error: { code, message, ...(data === undefined ? {} : { data }) } };
}

const tooLarge = () => new RivuletError("request.too-large", { limitBytes: MAX_BODY_BYTES });
