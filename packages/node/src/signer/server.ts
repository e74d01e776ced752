import { createServer as createClearServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { OrchestratorDirectory } from "@rivulet/gateway";
import { httpOf, isError, type Logger, RivuletError, readTextWithin, type Startable } from "@rivulet/primitives";
import type { ListenAddress } from "../config/setting.ts";
import type { TlsIdentity } from "../config/tls-files.ts";
import { SignerRefusal } from "./callers.ts";
import { RefreshNeeded, type RemoteSigner } from "./remote-signer.ts";

export interface SignerServerOptions extends ListenAddress {
  /** For https. Without it callers' keys travel in the clear, which is for this machine alone. */
  readonly identity?: TlsIdentity | undefined;
}

/** Hosts that only this machine reaches. */
export const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "::1", "localhost"]);

export interface SignerServerPorts {
  readonly signer: RemoteSigner;
  /** Tells of orchestrators. Absent: nobody is told. */
  readonly directory?: Pick<OrchestratorDirectory, "list"> | undefined;
  readonly log: Logger;
}

/** An orchestrator's answer and a state: a few kilobytes. */
const MAX_BODY = 1024 * 1024;
/** Calls at once; each is a few signatures. */
const MAX_CALLS = 200;
/** Connections at once. */
const MAX_CONNECTIONS = 1000;
/** How long a call may take, its body included. */
const CALL_LIMIT_MS = 15_000;
/** How long callers have to hear that the signer stops. */
const FAREWELL_MS = 1_000;

/** The HTTP surface of a remote signer. Source: payments 17. */
export class SignerServer implements Startable {
  readonly #options: SignerServerOptions;
  readonly #ports: SignerServerPorts;
  readonly #server: Server;
  readonly #stopping = new AbortController();
  #calls = 0;

  constructor(options: SignerServerOptions, ports: SignerServerPorts) {
    this.#options = options;
    this.#ports = ports;
    const serve = (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response);
    const { identity } = options;
    this.#server =
      identity === undefined
        ? createClearServer({ requestTimeout: CALL_LIMIT_MS }, serve)
        : createSecureServer({ requestTimeout: CALL_LIMIT_MS, ...identity }, serve);
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** Only while it is started. */
  get address(): string {
    const bound = this.#server.address();
    const port = typeof bound === "object" && bound !== null ? bound.port : this.#options.port;
    const { host, identity } = this.#options;
    return `${identity === undefined ? "http" : "https"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
  }

  /** Throws "node.cannot-start" when the port cannot be had. */
  async start(): Promise<void> {
    const { host, port, identity } = this.#options;
    const { log, signer } = this.#ports;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", (cause) => {
        reject(new RivuletError("node.cannot-start", { reason: `${host}:${port}: ${cause.message}` }, { cause }));
      });
      this.#server.listen(port, host, resolve);
    });
    log.info("signer started", { address: this.address, account: signer.address });
    if (identity === undefined && !LOOPBACK.has(host))
      log.warn("callers' keys travel in the clear: give -tlsCertificate and -tlsKey, or put TLS before the signer", {
        host,
      });
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#stopping.abort(new RivuletError("node.stopping", {}));
    this.#server.closeIdleConnections();
    // Calls under way tell their callers; who never ends its question is not waited for.
    const farewell = setTimeout(() => this.#server.closeAllConnections(), FAREWELL_MS);
    await closed;
    clearTimeout(farewell);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => {});
    if (this.#calls >= MAX_CALLS) return refuse(response, new RivuletError("node.overloaded", {}));
    this.#calls += 1;
    try {
      await this.#route(request, response);
    } catch (error) {
      if (!isError(error) && !(error instanceof SignerRefusal) && !(error instanceof RefreshNeeded))
        this.#ports.log.error("call failed", { reason: error instanceof Error ? error.message : String(error) });
      refuse(response, error);
    } finally {
      this.#calls -= 1;
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { signer, directory } = this.#ports;
    const [path = "/", query = ""] = (request.url ?? "/").split("?", 2);
    if (path === "/healthz") return answer(response, 200, {});
    if (path === "/sign-orchestrator-info") {
      only(request, "POST");
      // Before the body: strangers cannot keep others out by sending theirs slowly.
      signer.admit(request.headers);
      await readBody(request);
      return answer(response, 200, signer.signOrchestratorInfo());
    }
    if (path === "/discover-orchestrators" && directory !== undefined) {
      only(request, "GET");
      signer.admit(request.headers);
      return answer(response, 200, directory.list(new URLSearchParams(query).getAll("caps")));
    }
    if (path !== "/generate-live-payment") throw new RivuletError("request.not-found", {});
    only(request, "POST");
    signer.admit(request.headers);
    const body = parsed(await readBody(request));
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(CALL_LIMIT_MS)]);
    const { authId, ...signed } = await signer.generateLivePayment(body, request.headers, signal);
    answer(response, 200, signed, authId === "" ? {} : { "signer-auth-id": authId });
  }
}

function only(request: IncomingMessage, method: string): void {
  if (request.method !== method) throw new RivuletError("request.method-not-allowed", {});
}

function readBody(request: IncomingMessage): Promise<string> {
  return readTextWithin(request, MAX_BODY, () => new RivuletError("request.too-large", { limitBytes: MAX_BODY }));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RivuletError("signer.request-invalid", { reason: "the body is not JSON" }, { cause });
  }
}

function answer(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

/** Errors in the form that other signers give them; what is our own business is not told. */
function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const isRefresh = error instanceof RefreshNeeded;
  const status = isRefresh ? REFRESH : error instanceof SignerRefusal ? error.status : httpOf(error);
  const known = isRefresh || isError(error) || error instanceof SignerRefusal;
  const message =
    status === 503
      ? "Service Unavailable Error"
      : status === 500 || !known
        ? "Internal Server Error"
        : error instanceof Error
          ? error.message
          : "";
  const headers: Readonly<Record<string, string>> = isRefresh ? { "livepeer-orchestrator-url": error.serviceUri } : {};
  answer(response, status >= 400 && status < 600 ? status : 500, { error: { message } }, headers);
}

const REFRESH = 480;
