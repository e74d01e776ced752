import type { ServerResponse } from "node:http";
import type { Pipeline } from "@rivulet/pipelines";

/**
 * An answer that is sent piece by piece, as an event stream that ends with `[DONE]`. Source: runner-and-models 1.9, 5.2.
 *
 * It begins with its first piece, so that a request that fails before that is answered like any other. One that fails
 * later ends with a piece that says so, because readers take an event of another form for a broken peer.
 */
export class JobParts {
  readonly #response: ServerResponse;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #pipeline: Pipeline;
  #last: Readonly<Record<string, unknown>> | undefined;

  constructor(response: ServerResponse, headers: Readonly<Record<string, string>>, pipeline: Pipeline) {
    this.#response = response;
    this.#headers = headers;
    this.#pipeline = pipeline;
  }

  get hasBegun(): boolean {
    return this.#last !== undefined;
  }

  tell(part: Readonly<Record<string, unknown>>): void {
    this.#last = part;
    this.#send(JSON.stringify(part));
  }

  done(): void {
    this.#send("[DONE]");
    this.#response.end();
  }

  /** `reason` for people. */
  failed(reason: string): void {
    const part = this.#pipeline.brokenOff?.(this.#last);
    if (part !== undefined) this.#send(JSON.stringify({ ...Object(part), error: reason }));
    this.#response.end();
  }

  #send(data: string): void {
    if (this.#response.destroyed) return;
    if (!this.#response.headersSent)
      this.#response.writeHead(200, {
        ...this.#headers,
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-store",
      });
    this.#response.write(`data: ${data}\n\n`);
  }
}
