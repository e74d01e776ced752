import type { IncomingMessage, ServerResponse } from "node:http";
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from "node:http2";
import type { Socket } from "node:net";
import { ZERO_ADDRESS } from "@rivulet/crypto";
import { type Milliseconds, minutes, ms, type ServiceUri, type Startable, serviceUri } from "@rivulet/primitives";
import {
  bitsOf,
  COMPATIBILITY_VERSION,
  DEFAULT_CAPABILITIES,
  decodeOrchestratorRequest,
  encodeOrchestratorInfo,
  type OrchestratorInfo,
  type OrchestratorRequest,
} from "@rivulet/wire";
import { generate } from "selfsigned";

/** A model that a fake orchestrator lists. */
export interface FakeModel {
  readonly capability: number;
  readonly model: string;
  readonly isWarm?: boolean;
  readonly capacity?: number;
  readonly capacityInUse?: number;
  readonly runnerVersion?: string;
}

/** A request as it came, and where its answer goes. */
export interface FakeJob {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
}

export interface FakeOrchestratorOptions {
  readonly models: readonly FakeModel[];
  /** How long its tokens live. */
  readonly tokenLife?: Milliseconds;
  readonly now?: () => Milliseconds;
}

/** The flag and the length before each message. Source: gRPC over HTTP/2. */
const FRAME_HEADER = 5;

/**
 * An orchestrator that says and does what a test wants, over real TLS on loopback: gRPC discovery and HTTP jobs on one
 * port. Every job goes to `onJob`; files of `files` lie at their paths.
 */
export class FakeOrchestrator implements Startable {
  readonly jobs: FakeJob[] = [];
  readonly files = new Map<string, Uint8Array>();
  /** Discovery questions it was asked. */
  asked = 0;
  /** What it tells; change it at any time. */
  models: readonly FakeModel[];
  /** Changes an answer before it is sent. */
  tell: (info: OrchestratorInfo) => OrchestratorInfo = (info) => info;
  /** Adds to an answer what depends on the question, as prices do. What it throws fails the question with its message. */
  onQuestion: (info: OrchestratorInfo, request: OrchestratorRequest) => OrchestratorInfo | Promise<OrchestratorInfo> = (
    info,
  ) => info;
  /** When set, questions fail with this text. */
  refusesQuestions: string | undefined;
  onJob: (job: FakeJob) => void | Promise<void> = ({ response }) => {
    response.end();
  };
  /** Answers requests for files instead of `files`. */
  onFile: ((response: ServerResponse, path: string) => void) | undefined;
  readonly #options: FakeOrchestratorOptions;
  readonly #sockets = new Set<Socket>();
  readonly #arrivals: ((job: FakeJob) => void)[] = [];
  #certificate: { readonly private: string; readonly cert: string } | undefined;
  #server: Http2SecureServer | undefined;
  #port = 0;

  constructor(options: FakeOrchestratorOptions) {
    this.#options = options;
    this.models = options.models;
  }

  get uri(): ServiceUri {
    return serviceUri(`https://127.0.0.1:${this.#port}`);
  }

  /** Listens; after a `stop`, on the port from before. */
  async start(): Promise<void> {
    this.#certificate ??= await generate([], { keyType: "ec", algorithm: "sha256" });
    const { private: key, cert } = this.#certificate;
    const server = createSecureServer({ key, cert, allowHTTP1: true }, (request, response) => {
      // What comes over HTTP/1.1 has that version's objects, which the types do not know.
      if (request.httpVersionMajor === 2) void this.#answerQuestion(request, response);
      else void this.#takeJob(request as unknown as IncomingMessage, response as unknown as ServerResponse);
    });
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    server.on("session", (session) => session.on("error", () => {}));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", resolve);
    });
    const bound = server.address();
    this.#port = typeof bound === "object" && bound !== null ? bound.port : 0;
    this.#server = server;
  }

  /** Ends at once, as a killed process does: connections break, nothing is answered any more. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** The next job that arrives, before it is answered. */
  nextJob(): Promise<FakeJob> {
    return new Promise((resolve) => this.#arrivals.push(resolve));
  }

  info(): OrchestratorInfo {
    const numbers = [...DEFAULT_CAPABILITIES, ...this.models.map(({ capability }) => capability)];
    const models = new Map(
      Array.from(
        Map.groupBy(this.models, ({ capability }) => capability),
        ([capability, list]) => [
          capability,
          new Map(
            list.map(({ model, isWarm = true, capacity = 1, capacityInUse = 0, runnerVersion = "" }) => [
              model,
              { isWarm, capacity, runnerVersion, capacityInUse },
            ]),
          ),
        ],
      ),
    );
    const now = this.#options.now?.() ?? ms(Date.now());
    return this.tell({
      serviceUri: this.uri,
      address: ZERO_ADDRESS,
      capabilities: {
        bits: bitsOf(numbers),
        mandatory: [],
        capacities: new Map(numbers.map((number) => [number, 1])),
        version: COMPATIBILITY_VERSION,
        minVersion: "",
        models,
      },
      authToken: {
        token: new TextEncoder().encode(`token ${this.asked}`),
        sessionId: "session",
        expiresAt: ms(now + (this.#options.tokenLife ?? minutes(30))),
      },
      hardware: [],
      prices: [],
      nodes: [],
    });
  }

  async #answerQuestion(request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
    this.asked += 1;
    const type = { "content-type": "application/grpc+proto" };
    const fail = (text: string) => {
      response.writeHead(200, { ...type, "grpc-status": "2", "grpc-message": encodeURIComponent(text) });
      response.end();
    };
    if (this.refusesQuestions !== undefined) return fail(this.refusesQuestions);
    // As it stands when the question comes.
    const info = this.info();
    const chunks: Buffer[] = [];
    request.on("error", () => {});
    for await (const chunk of request) chunks.push(chunk);
    let message: Uint8Array;
    try {
      const question = decodeOrchestratorRequest(Buffer.concat(chunks).subarray(FRAME_HEADER));
      message = encodeOrchestratorInfo(await this.onQuestion(info, question));
    } catch (error) {
      return fail(error instanceof Error ? error.message : String(error));
    }
    const frame = Buffer.alloc(FRAME_HEADER + message.length);
    frame.writeUInt32BE(message.length, 1);
    frame.set(message, FRAME_HEADER);
    response.writeHead(200, type);
    response.addTrailers({ "grpc-status": "0" });
    response.end(frame);
  }

  async #takeJob(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "/";
    const file = this.files.get(path);
    if (request.method === "GET" && this.onFile !== undefined) {
      this.onFile(response, path);
      return;
    }
    if (request.method === "GET") {
      response.writeHead(file === undefined ? 404 : 200);
      response.end(file);
      return;
    }
    const chunks: Buffer[] = [];
    request.on("error", () => {});
    for await (const chunk of request) chunks.push(chunk);
    const job = { request, response, path, headers: request.headers, body: Buffer.concat(chunks) };
    this.jobs.push(job);
    this.#arrivals.shift()?.(job);
    await this.onJob(job);
  }
}
