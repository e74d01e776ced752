import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import {
  type Clock,
  errorBody,
  httpOf,
  isError,
  linked,
  type RequestId,
  RivuletError,
  seconds,
} from "@rivulet/primitives";
import { readBounded } from "./read-bounded.ts";

/** How much of a refused body is read off the connection, so that the client gets to see the refusal. */
const MAX_DRAINED_BYTES = 64 << 20;
const LONGEST_DRAIN = seconds(5);

/** One request and its answer. Its signal aborts when the client goes away or the gateway stops. */
export class Exchange implements Disposable {
  readonly id: RequestId;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Without the query. */
  readonly path: string;
  readonly #clock: Clock;
  readonly #controller: AbortController & Disposable;
  readonly #onClose: () => void;

  constructor(
    id: RequestId,
    request: IncomingMessage,
    response: ServerResponse,
    ports: { readonly clock: Clock; readonly stopping: AbortSignal },
  ) {
    this.id = id;
    this.request = request;
    this.response = response;
    this.path = pathOf(request.url ?? "/");
    this.#clock = ports.clock;
    this.#controller = linked(ports.stopping);
    this.#onClose = () => {
      if (!response.writableFinished) this.#controller.abort(new RivuletError("request.cancelled", {}));
    };
    response.once("close", this.#onClose);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    this.response.off("close", this.#onClose);
    this.#controller[Symbol.dispose]();
  }

  /** The most bytes the body can have: what its header says, else `limitBytes`. Throws "request.too-large" when that is more. */
  bodyLength(limitBytes: number): number {
    const told = Number(this.request.headers["content-length"] ?? limitBytes);
    if (told > limitBytes) throw new RivuletError("request.too-large", { limitBytes });
    return told;
  }

  /** The body. Throws "request.too-large" and "request.cancelled". */
  async body(limitBytes: number): Promise<Buffer> {
    try {
      return await readBounded(this.request, limitBytes);
    } catch (cause) {
      throw isError(cause) ? cause : new RivuletError("request.cancelled", {}, { cause });
    }
  }

  json(status: number, value: unknown, headers: OutgoingHttpHeaders = {}): void {
    this.send(status, { "content-type": "application/json", ...headers }, Buffer.from(JSON.stringify(value)));
  }

  send(status: number, headers: OutgoingHttpHeaders, body: Uint8Array): void {
    const { response, request } = this;
    if (response.headersSent || response.destroyed) return;
    const isReadToEnd = request.complete || request.method === "GET" || request.method === "HEAD";
    response.writeHead(status, {
      "x-request-id": this.id,
      "content-length": body.byteLength,
      ...headers,
      ...(!isReadToEnd && { connection: "close" }),
    });
    response.end(request.method === "HEAD" ? undefined : body);
    if (!isReadToEnd) this.#drain();
  }

  /** Answers with an error. Once an answer has begun, all that is left is to break it off. */
  error(error: unknown, headers: OutgoingHttpHeaders = {}): void {
    if (this.response.headersSent) this.response.destroy();
    else this.json(httpOf(error), errorBody(error), { ...headersFor(error), ...headers });
  }

  /** Reads on for a moment: a connection closed with bytes unread loses the answer that is on its way. */
  #drain(): void {
    const { request } = this;
    let drained = 0;
    const ended = new AbortController();
    const end = () => {
      ended.abort(new Error("drained"));
      request.socket.destroySoon();
    };
    request.on("data", (chunk: Buffer) => {
      drained += chunk.length;
      if (drained > MAX_DRAINED_BYTES) request.socket.destroy();
    });
    request.once("end", end);
    request.once("close", end);
    request.resume();
    this.#clock.sleep(LONGEST_DRAIN, ended.signal).then(
      () => request.socket.destroy(),
      () => {},
    );
  }
}

/** The headers that go with an error beside its body. */
function headersFor(error: unknown): OutgoingHttpHeaders {
  if (isError(error, "network.all-busy") || isError(error, "network.no-orchestrators"))
    return { "retry-after": String(Math.ceil(error.facts.retryAfterMs / 1000)) };
  if (isError(error, "auth.rejected")) return { "www-authenticate": "Bearer" };
  return httpOf(error) === 503 ? { "retry-after": "1" } : {};
}

function pathOf(url: string): string {
  const end = url.search(/[?#]/);
  return end < 0 ? url : url.slice(0, end);
}
