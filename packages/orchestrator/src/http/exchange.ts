import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { Readable, Writable } from "node:stream";
import { linked, RivuletError } from "@rivulet/primitives";

/** What HTTP/1.1 and HTTP/2 requests have in common. */
export interface HttpRequest extends Readable {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly httpVersion: string;
  readonly httpVersionMajor: number;
  /** Of HTTP/2. */
  readonly stream?: { close(): void };
}

/** What HTTP/1.1 and HTTP/2 responses have in common. */
export interface HttpResponse extends Writable {
  readonly headersSent: boolean;
  writeHead(status: number, headers?: OutgoingHttpHeaders): unknown;
  /** Said after the body. Over HTTP/1.1 only those arrive that the header `Trailer` announced. */
  addTrailers(headers: OutgoingHttpHeaders): void;
}

export type HttpHandler = (
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
) => void;

/** Takes no more of a request. Over HTTP/2 destroying it would leave its stream open, and its sender waiting. */
export function breakOff(request: HttpRequest): void {
  request.stream?.close();
  request.destroy();
}

/** Aborts with "request.cancelled" when the caller leaves before it has its answer. Disposing ends the watch. */
export function untilCallerLeaves(response: HttpResponse, ...others: readonly AbortSignal[]): AbortSignal & Disposable {
  const controller = linked(...others);
  const onClose = () => {
    // Not `writableFinished`: an HTTP/2 response that was broken off says that it is.
    if (!response.writableEnded) controller.abort(new RivuletError("request.cancelled", {}));
  };
  response.once("close", onClose);
  return Object.assign(controller.signal, {
    [Symbol.dispose]: () => {
      response.off("close", onClose);
      controller[Symbol.dispose]();
    },
  });
}

/** A header that may be given once; the first when it is given more often. */
export function headerOf(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : value?.[0];
}

export function answer(
  response: HttpResponse,
  status: number,
  headers: OutgoingHttpHeaders,
  body: Uint8Array | string = "",
): void {
  response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body) });
  // Text leaves in one piece with the head.
  response.end(body);
}

export function answerJson(response: HttpResponse, value: unknown, headers: OutgoingHttpHeaders = {}): void {
  answer(response, 200, { "content-type": "application/json", ...headers }, `${JSON.stringify(value)}\n`);
}
