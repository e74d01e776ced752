import { createServer as createHttpServer } from "node:http";
import { createServer as createHttp2Server, createSecureServer, type ServerHttp2Session } from "node:http2";
import { type AddressInfo, createServer, isIPv6, type Socket } from "node:net";
import { minutes, RivuletError, type Startable, seconds } from "@rivulet/primitives";
import { orAborted } from "../clock-deadline.ts";
import type { Certificate } from "./certificate.ts";
import type { HttpHandler } from "./exchange.ts";

export interface ListenAddress {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
}

/** Idle connections are kept this long. Source: wire-protocol 1.1. */
const IDLE = minutes(10);
/** How long a connection may take to say what it speaks. */
const GREETING = seconds(10);
/** Streams of one HTTP/2 connection: jobs of one gateway at one time. */
const MAX_STREAMS = 1000;
/** What HTTP/2 connections begin with. */
const HTTP2_PREFACE = "PRI * HTTP/2";

const http1Options = { keepAliveTimeout: IDLE } as const;
const settings = { maxConcurrentStreams: MAX_STREAMS } as const;
// Together, because the types do not know that a secure server passes `http1Options` on.
const secureOptions = { allowHTTP1: true, http1Options, settings };

/** One listening port that speaks HTTP/1.1 and HTTP/2: by ALPN over TLS, by the first bytes in clear text. */
export class Listener implements Startable {
  readonly #address: ListenAddress;
  readonly #server: ReturnType<typeof createServer> | ReturnType<typeof createSecureServer>;
  readonly #scheme: "http" | "https";
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #port: number | undefined;

  constructor(address: ListenAddress, certificate: Certificate | undefined, handler: HttpHandler) {
    this.#address = address;
    this.#scheme = certificate === undefined ? "http" : "https";
    this.#server =
      certificate === undefined
        ? clearTextServer(handler)
        : createSecureServer({ ...certificate, ...secureOptions }, handler);
    this.#server.on("connection", (socket: Socket) => {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    // A connection that breaks is its peer's affair; a request on it learns by its own close.
    this.#server.on("error", () => {});
    this.#server.on("sessionError", () => {});
    this.#server.on("session", (session: ServerHttp2Session) => {
      this.#sessions.add(session);
      session.once("close", () => this.#sessions.delete(session));
    });
    this.#server.on("tlsClientError", () => {});
  }

  /** The base URL at which the port is reached on this machine. Only while it listens. */
  get url(): string {
    const { host } = this.#address;
    return `${this.#scheme}://${isIPv6(host) ? `[${host}]` : host}:${this.#port ?? this.#address.port}`;
  }

  get port(): number {
    return this.#port ?? this.#address.port;
  }

  /** Throws "node.cannot-start" when the address is taken or not ours. */
  async start(): Promise<void> {
    const { host, port } = this.#address;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen({ host, port }, resolve);
    try {
      await promise;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new RivuletError("node.cannot-start", { reason }, { cause });
    }
    this.#server.off("error", reject);
    this.#port = portOf(this.#server.address());
  }

  /** Closes the port, lets what has been answered reach its peers until `patience` aborts, and closes every connection. */
  async stop(patience: AbortSignal = AbortSignal.abort()): Promise<void> {
    if (!this.#server.listening) return;
    await orAborted(Promise.all([...this.#sessions].map(flushed)), patience).catch(() => {});
    // Not before: closing the server takes the connections' pings with it.
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** Looks at a connection's first bytes and hands it to the server that speaks its protocol. */
function clearTextServer(handler: HttpHandler) {
  const http1 = createHttpServer(http1Options, handler);
  const http2 = createHttp2Server({ settings }, handler);
  http2.on("sessionError", () => {});
  const server = createServer((socket) => {
    socket.setTimeout(GREETING, () => socket.destroy());
    socket.once("error", () => socket.destroy());
    socket.once("data", (first: Buffer) => {
      socket.setTimeout(0);
      socket.pause();
      socket.unshift(first);
      const isHttp2 = first.subarray(0, HTTP2_PREFACE.length).toString("latin1") === HTTP2_PREFACE;
      (isHttp2 ? http2 : http1).emit("connection", socket);
      if (!isHttp2) socket.resume();
    });
  });
  http2.on("session", (session) => server.emit("session", session));
  return server;
}

/** Frames arrive in order: whoever answers a ping has had everything before it. */
function flushed(session: ServerHttp2Session): Promise<void> {
  return new Promise((resolve) => {
    session.once("close", resolve);
    if (session.destroyed || !session.ping(() => resolve())) resolve();
  });
}

function portOf(bound: AddressInfo | string | null): number | undefined {
  return typeof bound === "object" ? bound?.port : undefined;
}
