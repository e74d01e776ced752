import type { LookupFunction } from "node:net";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Client, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { ZERO_ADDRESS } from "@rivulet/crypto";
import { type Pipeline, pipelineOf } from "@rivulet/pipelines";
import {
  type Clock,
  codeOf,
  isError,
  type Milliseconds,
  ms,
  Rational,
  RivuletError,
  type ServiceUri,
  seconds,
} from "@rivulet/primitives";
import {
  type Capabilities,
  isCompatible,
  type OrchestratorInfo,
  OrchestratorRequestSchema,
  OrchestratorService,
  orchestratorInfoOf,
  orchestratorRequestMessage,
  readLegacyPhrase,
} from "@rivulet/wire";
import type { Offer, OrchestratorSession } from "../orchestrator-session.ts";
import type { Payer } from "../paying/payer.ts";
import type { Terms } from "../terms.ts";
import { type LeastVersions, wantedCapabilities } from "../wanted.ts";
import { addressOf } from "./address.ts";
import type { OrchestratorClient, Told } from "./discovery.ts";

/** The network's limit for one message. Source: wire-protocol 1.5. */
const MAX_MESSAGE_BYTES = 4 << 20;
/** An idle connection is not kept for the next round. Source: wire-protocol 1.4. */
const IDLE = seconds(60);
/** Models of one orchestrator that are asked for their terms: ten times what a machine of today holds. */
const MAX_TERMS = 256;

interface Connection {
  readonly sessions: Http2SessionManager;
  readonly client: Client<typeof OrchestratorService>;
}

/**
 * Asks orchestrators over gRPC, with TLS that verifies nobody or in the clear as their address says.
 *
 * One question without capabilities tells of all models at once; which of them suit us is decided here. Where work is paid,
 * one more question for each model brings its terms: prices in the first answer are rounded, and its tickets are good for
 * none of them. Source: wire-protocol 3.
 */
export class GrpcOrchestratorClient implements OrchestratorClient {
  readonly #least: LeastVersions;
  readonly #clock: Clock;
  readonly #payer: Payer;
  readonly #lookup: LookupFunction | undefined;
  readonly #connections = new Map<string, Connection>();

  /** `lookup` finds the addresses of names; absent: the system's. */
  constructor(
    least: LeastVersions,
    ports: { readonly clock: Clock; readonly payer: Payer; readonly lookup?: LookupFunction | undefined },
  ) {
    this.#least = least;
    this.#clock = ports.clock;
    this.#payer = ports.payer;
    this.#lookup = ports.lookup;
  }

  async ask(uri: ServiceUri, signal: AbortSignal): Promise<Told> {
    const began = this.#clock.monotonic();
    const info = await this.#getOrchestrator(uri, undefined, signal);
    const facts = {
      latency: ms(this.#clock.monotonic() - began),
      seenAt: this.#clock.now(),
      least: this.#least,
    };
    const session = sessionOf(uri, info, facts);
    return { session: this.#payer.wantsTerms ? await this.#withTerms(session, signal) : session, nodes: info.nodes };
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

  async #withTerms(session: OrchestratorSession, signal: AbortSignal): Promise<OrchestratorSession> {
    const offers = await Promise.all(
      session.offers.slice(0, MAX_TERMS).map(async (offer): Promise<Offer> => {
        const { price: _rounded, ...rest } = offer;
        try {
          const terms = await this.#terms(session, offer, signal);
          await this.#payer.check(terms, signal);
          return { ...rest, price: terms.price, terms };
        } catch (error) {
          signal.throwIfAborted();
          const reason = isError(error) ? error.message : "no terms";
          return { ...offer, objection: { code: codeOf(error), reason } };
        }
      }),
    );
    const recipient = offers.find(({ terms }) => terms?.params !== undefined)?.terms?.params?.recipient;
    return { ...session, offers, operator: recipient ?? session.address };
  }

  /** Source: payments 12.3. */
  async #terms(session: OrchestratorSession, { pipeline, model }: Offer, signal: AbortSignal): Promise<Terms> {
    const wanted = wantedCapabilities(pipeline as Pipeline, model, this.#least);
    const info = await this.#getOrchestrator(session.uri, wanted, signal);
    const { price, ticketParams: params, authToken: token } = info;
    if (token === undefined) throw new RivuletError("peer.protocol", { reason: "terms without auth token" });
    if (price === undefined) throw new RivuletError("payment.price-missing", { reason: "terms without price" });
    if (price.compare(Rational.ZERO) < 0) throw new RivuletError("peer.protocol", { reason: "a price below zero" });
    if (info.address === ZERO_ADDRESS) throw new RivuletError("peer.protocol", { reason: "terms without address" });
    if (params === undefined && price.compare(Rational.ZERO) > 0)
      throw new RivuletError("peer.protocol", { reason: "a price without ticket parameters" });
    return { price, params, token, info };
  }

  async #getOrchestrator(
    uri: ServiceUri,
    capabilities: Capabilities | undefined,
    signal: AbortSignal,
  ): Promise<OrchestratorInfo> {
    const request = await this.#request(capabilities, signal);
    try {
      return orchestratorInfoOf(await this.#connection(uri).client.getOrchestrator(request, { signal }));
    } catch (cause) {
      signal.throwIfAborted();
      if (isError(cause, "peer.protocol")) throw cause;
      throw said(cause) ?? new RivuletError("peer.unreachable", {}, { cause });
    }
  }

  async #request(capabilities: Capabilities | undefined, signal: AbortSignal) {
    const { address, signature } = await this.#payer.identity(signal);
    const message: MessageInitShape<typeof OrchestratorRequestSchema> = orchestratorRequestMessage({
      address,
      signature,
      ignoresCapacity: false,
      ...(capabilities && { capabilities }),
    });
    return create(OrchestratorRequestSchema, message);
  }

  #connection(uri: ServiceUri): Connection {
    const { origin } = new URL(uri);
    const known = this.#connections.get(origin);
    if (known !== undefined) return known;
    const lookup = this.#lookup;
    const sessions = new Http2SessionManager(
      origin,
      { idleConnectionTimeoutMs: IDLE },
      { rejectUnauthorized: false, ...(lookup && { lookup }) },
    );
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

/** What an orchestrator said of us when it refused to answer, as when our reserve is too small for it. */
function said(cause: unknown): RivuletError | undefined {
  if (!(cause instanceof ConnectError)) return undefined;
  const { error } = readLegacyPhrase(cause.rawMessage, { pipeline: "", model: "" });
  return error.code.startsWith("payment.") ? error : undefined;
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
    operator: info.ticketParams?.recipient ?? info.address,
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
    return [...models].flatMap(([model, { isWarm, capacity, capacityInUse, runnerVersion }]): Offer[] => {
      const wanted = wantedCapabilities(pipeline, model, least);
      if (!isCompatible(wanted, capabilities)) return [];
      const price = priceOf.get(`${capability} ${model}`);
      return [{ pipeline, model, isWarm, capacity, capacityInUse, runnerVersion, ...(price && { price }) }];
    });
  });
}
