import type { IncomingMessage, ServerResponse } from "node:http";
import { FakeServer } from "./fake-server.ts";

/** A question to an endpoint of a chain, as it came over the wire. */
export interface EndpointCall {
  readonly method: string;
  readonly params: readonly unknown[];
}

export type EndpointAnswer =
  | { readonly result: unknown }
  | { readonly error: { readonly code: number; readonly message: string; readonly data?: unknown } };

/** What becomes of one call: an answer, silence, a connection that breaks, or an HTTP status in place of an answer. */
export type EndpointReply = EndpointAnswer | "hang" | "crash" | { readonly status: number; readonly body?: string };

const NO_BATCHES = { jsonrpc: "2.0", id: null, error: { code: -32600, message: "batches are not supported" } };

/**
 * An endpoint of a chain over real sockets, with single calls and batches. One call of a batch that breaks or hangs takes
 * the others with it.
 */
export abstract class FakeEndpoint extends FakeServer {
  /** What was asked for, in order. */
  readonly calls: EndpointCall[] = [];
  takesBatches = true;

  /** The methods that were asked for, in order. */
  get methods(): readonly string[] {
    return this.calls.map(({ method }) => method);
  }

  /** What becomes of a call. */
  protected abstract reply(call: EndpointCall): EndpointReply | Promise<EndpointReply>;

  protected override get kept() {
    return this.calls;
  }

  protected override answer(request: IncomingMessage, response: ServerResponse): void {
    void this.#serve(request, response);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return;
    }
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    const asked = Array.isArray(body) ? body : [body];
    if (Array.isArray(body) && !this.takesBatches) return answerJson(response, NO_BATCHES);
    const replies = await Promise.all(asked.map((each) => this.#reply(each)));
    if (replies.includes("crash")) return void request.socket.destroy();
    if (replies.includes("hang")) return;
    for (const reply of replies)
      if (typeof reply === "object" && "status" in reply)
        return void response.writeHead(reply.status, { "content-type": "text/plain" }).end(reply.body);
    const told = replies.map((reply, index) => ({ jsonrpc: "2.0", id: asked[index].id, ...(reply as object) }));
    answerJson(response, Array.isArray(body) ? told : told[0]);
  }

  async #reply({ method, params = [] }: EndpointCall): Promise<EndpointReply> {
    this.calls.push({ method, params });
    this.tell();
    return this.reply({ method, params });
  }
}

function answerJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
}
