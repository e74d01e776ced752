import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Startable } from "@rivulet/primitives";

/** What every fake over HTTP is: a server on a port of this machine, and a count of what has arrived. */
export abstract class FakeServer implements Startable, AsyncDisposable {
  readonly #server: Server;
  readonly #waiting = new Set<() => void>();
  #url = "";

  constructor() {
    this.#server = createServer((request, response) => this.answer(request, response));
  }

  get url(): string {
    return this.#url;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const { port } = this.#server.address() as AddressInfo;
    this.#url = `http://127.0.0.1:${port}`;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Resolves when `count` of what the fake keeps have arrived since the start. */
  async arrived(count: number): Promise<void> {
    while (this.kept.length < count) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  protected abstract answer(request: IncomingMessage, response: ServerResponse): void;

  /** What has arrived, in order. */
  protected abstract get kept(): readonly unknown[];

  /** Wakes who waits for what has just been kept. */
  protected tell(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

/** Aborted when the asker hangs up before it has the whole answer. */
export function leftOf(response: ServerResponse): AbortSignal {
  const left = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) left.abort();
  });
  return left.signal;
}
