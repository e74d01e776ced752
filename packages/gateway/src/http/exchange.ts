import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import {
  type BodyRoom,
  type Clock,
  errorBody,
  httpOf,
  isError,
  jsonBody,
  linked,
  minutes,
  type RequestId,
  RivuletError,
  seconds,
} from "@rivulet/primitives";
import { readBounded } from "./read-bounded.ts";

/** How much of a refused body is read off the connection, so that the client gets to see the refusal. */
const MAX_DRAINED_BYTES = 64 << 20;
const LONGEST_DRAIN = seconds(5);
/** As long as a request may take to arrive: who takes an answer more slowly only wants to occupy memory. */
const LONGEST_DELIVERY = minutes(5);

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

  /** The body, in `room` that it takes as it arrives. Throws "request.too-large", "node.overloaded" and the signal's reason. */
  async body(limitBytes: number, room: BodyRoom): Promise<Buffer> {
    if (Number(this.request.headers["content-length"]) > limitBytes)
      throw new RivuletError("request.too-large", { limitBytes });
    try {
      return await readBounded(this.request, limitBytes, { onPiece: (bytes) => room.add(bytes), signal: this.signal });
    } catch (cause) {
      throw isError(cause) ? cause : new RivuletError("request.cancelled", {}, { cause });
    }
  }

  json(status: number, value: unknown, headers: OutgoingHttpHeaders = {}): void {
    // As text it leaves in one piece with its head.
    this.send(status, { "content-type": "application/json", ...headers }, jsonBody(value));
  }

  send(status: number, headers: OutgoingHttpHeaders, body: Uint8Array | string): void {
    const { response, request } = this;
    if (response.headersSent || response.destroyed) return;
    const isReadToEnd = request.complete || request.method === "GET" || request.method === "HEAD";
    response.writeHead(status, {
      "x-request-id": this.id,
      ...(status !== 204 && { "content-length": Buffer.byteLength(body) }),
      ...headers,
      ...(!isReadToEnd && { connection: "close" }),
    });
    this.end(request.method === "HEAD" ? undefined : body);
    if (!isReadToEnd) this.#drain();
  }

  /** Ends the answer, and the connection when its reader does not take it in time. */
  end(body?: Uint8Array | string): void {
    const { response } = this;
    const { socket } = response;
    response.end(body);
    if (socket === null || socket.writableLength === 0) return;
    const alarm = this.#clock.alarm(LONGEST_DELIVERY, () => socket.destroy());
    response.once("close", () => alarm[Symbol.dispose]());
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
    const alarm = this.#clock.alarm(LONGEST_DRAIN, () => request.socket.destroy());
    const end = () => {
      alarm[Symbol.dispose]();
      request.socket.destroySoon();
    };
    request.on("data", (chunk: Buffer) => {
      drained += chunk.length;
      if (drained > MAX_DRAINED_BYTES) request.socket.destroy();
    });
    request.once("end", end);
    request.once("close", end);
    request.resume();
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
