import { createServer as createHttpServer } from "node:http";
import { createServer as createHttp2Server, createSecureServer, type ServerHttp2Session } from "node:http2";
import { type AddressInfo, createServer, isIPv6, type Socket } from "node:net";
import { type Milliseconds, minutes, orAborted, RivuletError, type Startable, seconds } from "@rivulet/primitives";
import type { Certificate } from "./certificate.ts";
import type { HttpHandler } from "./exchange.ts";

export interface ListenAddress {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
}

/** How long connections are waited for. */
export interface ListenerPatience {
  /** Idle connections are kept this long. Source: wire-protocol 1.1. */
  readonly idle: Milliseconds;
  /** How long a connection may take to say what it speaks. */
  readonly greeting: Milliseconds;
  /** How long the head of an HTTP/1.1 request may take to arrive. */
  readonly head: Milliseconds;
  /** How often an HTTP/2 peer is asked for a sign of life, and how long it may take to give it: a cut cable says nothing. */
  readonly heartbeat: Milliseconds;
}

const usualPatience: ListenerPatience = {
  idle: minutes(10),
  greeting: seconds(10),
  head: minutes(1),
  heartbeat: seconds(15),
};

/** Connections at once, from whomever: each costs a descriptor and its buffers. */
const MAX_CONNECTIONS = 10_000;
/** Streams of one HTTP/2 connection: jobs of one gateway at one time. */
const MAX_STREAMS = 1000;
/** What HTTP/2 connections begin with. */
const HTTP2_PREFACE = "PRI * HTTP/2";

/**
 * The head of a request: a payment of 600 tickets is 60 KB of base64, credentials a few more. Node.js by itself takes 16 KiB
 * over HTTP/1.1 and 64 KiB over HTTP/2.
 */
const MAX_HEAD_BYTES = 192 * 1024;

const settings = { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: MAX_HEAD_BYTES } as const;

/** One listening port that speaks HTTP/1.1 and HTTP/2: by ALPN over TLS, by the first bytes in clear text. */
export class Listener implements Startable {
  readonly #address: ListenAddress;
  readonly #server: ReturnType<typeof createServer> | ReturnType<typeof createSecureServer>;
  readonly #scheme: "http" | "https";
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #port: number | undefined;

  constructor(
    address: ListenAddress,
    certificate: Certificate | undefined,
    handler: HttpHandler,
    patience: ListenerPatience = usualPatience,
  ) {
    this.#address = address;
    this.#scheme = certificate === undefined ? "http" : "https";
    this.#server =
      certificate === undefined ? clearTextServer(patience, handler) : secureServer(certificate, patience, handler);
    this.#server.maxConnections = MAX_CONNECTIONS;
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
      watch(session, patience);
    });
    this.#server.on("tlsClientError", () => {});
  }

  /** The base URL at which the port is reached on this machine. Only while it listens. */
  get url(): string {
    const { host } = this.#address;
    return `${this.#scheme}://${isIPv6(host) ? `[${host}]` : host}:${this.#port ?? this.#address.port}`;
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

function http1Options({ idle, head }: ListenerPatience) {
  return {
    maxHeaderSize: MAX_HEAD_BYTES,
    keepAliveTimeout: idle,
    headersTimeout: head,
    // Bodies are bounded where they are read: a worker's event stream lasts as long as its job.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(head, seconds(30)),
  };
}

function secureServer(certificate: Certificate, patience: ListenerPatience, handler: HttpHandler) {
  // Together, because the types do not know that a secure server passes `http1Options` on.
  const options = { ...certificate, allowHTTP1: true, http1Options: http1Options(patience), settings };
  return createSecureServer(options, handler);
}

/** Looks at a connection's first bytes and hands it to the server that speaks its protocol. */
function clearTextServer(patience: ListenerPatience, handler: HttpHandler) {
  const http1 = createHttpServer(http1Options(patience), handler);
  const http2 = createHttp2Server({ settings }, handler);
  http2.on("sessionError", () => {});
  const server = createServer((socket) => {
    const tooSlow = () => socket.destroy();
    socket.setTimeout(patience.greeting, tooSlow);
    socket.once("error", () => socket.destroy());
    socket.once("data", (first: Buffer) => {
      socket.setTimeout(0, tooSlow);
      socket.pause();
      socket.unshift(first);
      const isHttp2 = first.subarray(0, HTTP2_PREFACE.length).toString("latin1") === HTTP2_PREFACE;
      (isHttp2 ? http2 : http1).emit("connection", socket);
      if (!isHttp2) socket.resume();
    });
  });
  http2.on("session", (session) => server.emit("session", session));
  // It only looks after slow requests when it believes that it listens itself.
  server.on("listening", () => http1.emit("listening"));
  server.on("close", () => http1.close());
  return server;
}

/** Closes a session whose peer gives no sign of life, and one that nobody has used for long. */
function watch(session: ServerHttp2Session, { heartbeat, idle }: ListenerPatience): void {
  let streams = 0;
  let lastUse = performance.now();
  let isAnswered = true;
  session.on("stream", (stream) => {
    streams += 1;
    stream.once("close", () => {
      streams -= 1;
      lastUse = performance.now();
    });
  });
  const beat = setInterval(() => {
    if (!isAnswered) return session.destroy();
    if (streams === 0 && performance.now() - lastUse >= idle) return session.close();
    isAnswered = false;
    session.ping((error) => {
      isAnswered = error === null;
    });
  }, heartbeat);
  beat.unref();
  session.once("close", () => clearInterval(beat));
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
