import { create } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { discoveryText, type Signer } from "@rivulet/crypto";
import { pipelineOf } from "@rivulet/pipelines";
import {
  type Clock,
  isError,
  type Milliseconds,
  ms,
  RivuletError,
  type ServiceUri,
  seconds,
} from "@rivulet/primitives";
import {
  isCompatible,
  type OrchestratorInfo,
  OrchestratorRequestSchema,
  OrchestratorService,
  orchestratorInfoOf,
  orchestratorRequestMessage,
} from "@rivulet/wire";
import type { Offer, OrchestratorSession } from "../orchestrator-session.ts";
import { type LeastVersions, wantedCapabilities } from "../wanted.ts";
import { addressOf } from "./address.ts";
import type { OrchestratorClient, Told } from "./discovery.ts";

/** The network's limit for one message. Source: wire-protocol 1.5. */
const MAX_MESSAGE_BYTES = 4 << 20;
/** An idle connection is not kept for the next round. Source: wire-protocol 1.4. */
const IDLE = seconds(60);

interface Connection {
  readonly sessions: Http2SessionManager;
  readonly client: Client<typeof OrchestratorService>;
}

/**
 * Asks orchestrators over gRPC, with TLS that verifies nobody or in the clear as their address says.
 *
 * One question without capabilities tells of all models at once; which of them suit us is decided here. Source:
 * wire-protocol 3.
 */
export class GrpcOrchestratorClient implements OrchestratorClient {
  readonly #clock: Clock;
  readonly #least: LeastVersions;
  readonly #request;
  readonly #connections = new Map<string, Connection>();

  constructor(least: LeastVersions, ports: { readonly clock: Clock; readonly signer: Signer }) {
    this.#clock = ports.clock;
    this.#least = least;
    const { address } = ports.signer;
    this.#request = create(
      OrchestratorRequestSchema,
      orchestratorRequestMessage({
        address,
        signature: ports.signer.sign(discoveryText(address)),
        ignoresCapacity: false,
      }),
    );
  }

  async ask(uri: ServiceUri, signal: AbortSignal): Promise<Told> {
    const began = this.#clock.monotonic();
    const info = await this.#getOrchestrator(uri, signal);
    const latency = ms(this.#clock.monotonic() - began);
    return {
      session: sessionOf(uri, info, { latency, seenAt: this.#clock.now(), least: this.#least }),
      nodes: info.nodes,
    };
  }

  /** Drops the connection to an orchestrator that is gone. */
  forget(uri: ServiceUri): void {
    const { origin } = new URL(uri);
    this.#connections.get(origin)?.sessions.abort();
    this.#connections.delete(origin);
  }

  close(): void {
    for (const { sessions } of this.#connections.values()) sessions.abort();
    this.#connections.clear();
  }

  async #getOrchestrator(uri: ServiceUri, signal: AbortSignal): Promise<OrchestratorInfo> {
    try {
      return orchestratorInfoOf(await this.#connection(uri).client.getOrchestrator(this.#request, { signal }));
    } catch (cause) {
      signal.throwIfAborted();
      if (isError(cause, "peer.protocol")) throw cause;
      throw new RivuletError("peer.unreachable", {}, { cause });
    }
  }

  #connection(uri: ServiceUri): Connection {
    const { origin } = new URL(uri);
    const known = this.#connections.get(origin);
    if (known !== undefined) return known;
    const sessions = new Http2SessionManager(origin, { idleConnectionTimeoutMs: IDLE }, { rejectUnauthorized: false });
    const transport = createGrpcTransport({
      baseUrl: origin,
      sessionManager: sessions,
      readMaxBytes: MAX_MESSAGE_BYTES,
      writeMaxBytes: MAX_MESSAGE_BYTES,
    });
    const made = { sessions, client: createClient(OrchestratorService, transport) };
    this.#connections.set(origin, made);
    return made;
  }
}

/**
 * The session an answer opens: with the offers that suit us. Throws "peer.protocol" when what every answer must have is
 * not there.
 */
function sessionOf(
  uri: ServiceUri,
  info: OrchestratorInfo,
  facts: { readonly latency: Milliseconds; readonly seenAt: Milliseconds; readonly least: LeastVersions },
): OrchestratorSession {
  if (info.authToken === undefined) throw new RivuletError("peer.protocol", { reason: "an answer without auth token" });
  return {
    uri,
    serviceUri: (info.serviceUri === "" ? undefined : addressOf(info.serviceUri)) ?? uri,
    address: info.address,
    version: info.capabilities?.version ?? "",
    token: info.authToken,
    seenAt: facts.seenAt,
    latency: facts.latency,
    offers: info.serviceUri === "" ? [] : offersOf(info, facts.least),
    hardware: info.hardware,
  };
}

function offersOf({ capabilities, prices }: OrchestratorInfo, least: LeastVersions): readonly Offer[] {
  const priceOf = new Map(prices.map(({ capability, constraint, price }) => [`${capability} ${constraint}`, price]));
  return [...(capabilities?.models ?? [])].flatMap(([capability, models]) => {
    const pipeline = pipelineOf(capability);
    if (pipeline?.kind !== "batch") return [];
    return [...models].flatMap(([model, { isWarm, capacity, runnerVersion }]): Offer[] => {
      const wanted = wantedCapabilities(pipeline, model, least);
      if (!isCompatible(wanted, capabilities)) return [];
      const price = priceOf.get(`${capability} ${model}`);
      return [{ pipeline, model, isWarm, capacity, runnerVersion, ...(price && { price }) }];
    });
  });
}
