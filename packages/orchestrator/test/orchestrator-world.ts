import { createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { offChainSigner, ZERO_ADDRESS } from "@rivulet/crypto";
import { type Logger, seconds, silentLogger } from "@rivulet/primitives";
import { FakeRunner, type FakeRunnerModel, seededRandomness, TestClock, turn } from "@rivulet/testkit";
import {
  batchManifestId,
  type Capabilities,
  encodeSegmentCredentials,
  NO_CAPABILITIES,
  type OrchestratorInfo,
  type OrchestratorRequest,
  OrchestratorService,
  orchestratorInfoOf,
  orchestratorRequestMessage,
  signSegmentCredentials,
  WORKER_PROTOCOL,
} from "@rivulet/wire";
import { Agent, request } from "undici";
import type { Executor } from "../src/executor.ts";
import { RunnerHttp } from "../src/executors/runner-http.ts";
import { SeveralExecutors } from "../src/executors/several.ts";
import type { Gateways } from "../src/gateway-webhook.ts";
import { Orchestrator, type OrchestratorOptions } from "../src/orchestrator.ts";
import type { OrchestratorPayments } from "../src/payments.ts";

export const LOOPBACK = { host: "127.0.0.1", port: 0 } as const;

/** An answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly text: string;
  readonly trailers: Readonly<Record<string, string>>;
}

export interface WorldOptions extends Partial<OrchestratorOptions> {
  readonly clock?: TestClock;
  /** Without the TLS port. */
  readonly isClearTextOnly?: boolean;
  /** Of the randomness. */
  readonly seed?: number;
  readonly payments?: OrchestratorPayments;
  readonly gateways?: Gateways;
  readonly log?: Logger;
  /** Does jobs beside the runner. */
  readonly beside?: readonly Executor[];
}

/** An orchestrator on a real port and what a gateway would do to it. */
export class OrchestratorWorld implements AsyncDisposable {
  readonly clock: TestClock;
  readonly randomness;
  readonly runner: FakeRunner;
  readonly executor: RunnerHttp;
  readonly orchestrator: Orchestrator;
  readonly agent = new Agent({ connect: { rejectUnauthorized: false } });

  private constructor(
    runner: FakeRunner,
    {
      clock = new TestClock(),
      isClearTextOnly,
      seed = 7,
      payments,
      gateways,
      log = silentLogger,
      beside = [],
      ...options
    }: WorldOptions,
    hasRunner: boolean,
  ) {
    this.clock = clock;
    this.randomness = seededRandomness(seed);
    this.runner = runner;
    const ports = {
      clock: this.clock,
      randomness: this.randomness,
      log,
      ...(payments === undefined ? {} : { payments }),
      ...(gateways === undefined ? {} : { gateways }),
    };
    this.executor = new RunnerHttp({ url: runner.url, models: [] }, ports);
    this.orchestrator = new Orchestrator(
      { ...(isClearTextOnly !== true && { listen: LOOPBACK }), drainLimit: seconds(1), ...options },
      hasRunner
        ? { ...ports, executor: beside.length === 0 ? this.executor : new SeveralExecutors([this.executor, ...beside]) }
        : ports,
    );
  }

  /** With a runner of these models, or with none and whatever workers attach. */
  static async open(models: readonly FakeRunnerModel[], options: WorldOptions = {}): Promise<OrchestratorWorld> {
    const runner = new FakeRunner(models);
    await runner.start();
    const world = new OrchestratorWorld(runner, options, models.length > 0);
    await world.executor.start();
    await world.orchestrator.start();
    return world;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stopping = this.orchestrator.stop();
    await turn();
    await this.clock.advance(seconds(60));
    await stopping;
    await this.executor.stop();
    await this.runner.stop();
    await this.agent.destroy();
  }

  async ask(path: string, options: Parameters<typeof request>[1] = {}): Promise<Answer> {
    const answer = await request(`${this.orchestrator.address}${path}`, { dispatcher: this.agent, ...options });
    const body = Buffer.from(await answer.body.arrayBuffer());
    const { statusCode: status, headers, trailers } = answer;
    return { status, headers, body, text: body.toString("utf8"), trailers };
  }

  async get(url: string): Promise<Answer> {
    return await this.ask(url.slice(this.orchestrator.serviceUri.length));
  }

  /** A job as a gateway posts it; headers given as `undefined` are left out. */
  async post(
    path: string,
    body: string | Uint8Array | object,
    headers: Readonly<Record<string, string | undefined>> = {},
    signal?: AbortSignal,
  ): Promise<Answer> {
    const all = {
      "content-type": "application/json",
      authorization: WORKER_PROTOCOL,
      "livepeer-payment": "",
      "livepeer-segment": await this.credentials(),
      ...headers,
    };
    return await this.ask(path, {
      method: "POST",
      headers: Object.fromEntries(Object.entries(all).filter((entry) => entry[1] !== undefined)),
      body: typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** What the orchestrator tells a gateway. */
  async info(capabilities?: Capabilities): Promise<OrchestratorInfo> {
    return await this.discover({
      address: ZERO_ADDRESS,
      signature: new Uint8Array(),
      ignoresCapacity: false,
      ...(capabilities === undefined ? {} : { capabilities }),
    });
  }

  async discover(request: OrchestratorRequest): Promise<OrchestratorInfo> {
    return await this.control(async (client) =>
      orchestratorInfoOf(await client.getOrchestrator(orchestratorRequestMessage(request))),
    );
  }

  async control<T>(
    call: (client: ReturnType<typeof createClient<typeof OrchestratorService>>) => Promise<T>,
  ): Promise<T> {
    const baseUrl = this.orchestrator.address;
    const sessionManager = new Http2SessionManager(baseUrl, {}, { rejectUnauthorized: false });
    try {
      return await call(createClient(OrchestratorService, createGrpcTransport({ baseUrl, sessionManager })));
    } finally {
      sessionManager.abort();
    }
  }

  /** A header that will be accepted, for a job of any model. */
  async credentials(capabilities: Capabilities = NO_CAPABILITIES): Promise<string> {
    const { authToken } = await this.info();
    if (authToken === undefined) throw new Error("no auth token");
    const claims = { manifestId: batchManifestId(27, "m"), capabilities, authToken };
    return encodeSegmentCredentials(signSegmentCredentials(claims, offChainSigner));
  }
}
