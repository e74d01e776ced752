import type { Signer } from "@rivulet/crypto";
import {
  type Clock,
  type Logger,
  type Milliseconds,
  type Randomness,
  RivuletError,
  type ServiceUri,
  type Startable,
} from "@rivulet/primitives";
import { Discovery } from "./discovery/discovery.ts";
import { GrpcOrchestratorClient } from "./discovery/grpc-client.ts";
import { KnownPool } from "./discovery/on-chain.ts";
import type { OrchestratorPool } from "./discovery/pool.ts";
import { publicLookup } from "./discovery/public-place.ts";
import { gatewayDefaults } from "./options.ts";
import type { OrchestratorSession } from "./orchestrator-session.ts";
import { aboveMaximum, type PriceLimits } from "./paying/price-limits.ts";
import { unpaid } from "./paying/unpaid.ts";
import { RETRY_WHEN_ALONE } from "./selection/selector.ts";

export interface DirectoryOptions {
  /** How often everybody is asked. */
  readonly interval?: Milliseconds | undefined;
  /** Whether places that the chain names must be public. */
  readonly publicOnly: boolean;
}

export interface DirectoryPorts {
  readonly pool: OrchestratorPool;
  /** Who asks: orchestrators tell their terms to those who can pay. */
  readonly signer: Signer;
  /** The most that is paid: dearer models are not listed. */
  readonly limits: PriceLimits;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly log: Logger;
}

/** An orchestrator in the form that gateways read lists in. */
export interface ListedOrchestrator {
  /** Without a slash at its end. */
  readonly address: string;
  readonly score: 1;
  /** `pipeline/model_id` of what it does at a price that is paid. */
  readonly capabilities: readonly string[];
  /** Live applications, of which none are known here. */
  readonly runners: readonly [];
}

/**
 * The orchestrators of the chain's pool and what they do at a price that is paid, for gateways that have no chain: asked in
 * the background as a gateway asks, for exact prices. Source: payments 17.4.
 */
export class OrchestratorDirectory implements Startable {
  readonly #limits: PriceLimits;
  readonly #client: GrpcOrchestratorClient;
  readonly #discovery: Discovery;
  readonly #sessions = new Map<ServiceUri, OrchestratorSession>();

  constructor({ interval, publicOnly }: DirectoryOptions, ports: DirectoryPorts) {
    const { clock, randomness, log, limits, signer } = ports;
    // Nobody pays here, and terms are wanted all the same: what a model costs exactly is told with them.
    const asker = { ...unpaid(signer), wantsTerms: true };
    const pool = new KnownPool(ports.pool);
    this.#limits = limits;
    this.#client = new GrpcOrchestratorClient(
      { node: gatewayDefaults.leastVersion, runners: {} },
      { clock, payer: asker, lookup: publicOnly ? publicLookup(new Set()) : undefined },
    );
    this.#discovery = new Discovery(
      {
        interval: interval ?? gatewayDefaults.discoveryInterval,
        missesAllowed: gatewayDefaults.missesAllowed,
        extraNodes: gatewayDefaults.extraNodes,
        blocked: new Set(),
        publicOnly,
      },
      { source: pool, client: this.#client, pool, payer: asker, clock, randomness, log },
      {
        update: (session) => void this.#sessions.set(session.uri, session),
        remove: (uri) => void this.#sessions.delete(uri),
      },
    );
  }

  /** Begins to ask and does not wait for answers. */
  start(): Promise<void> {
    return this.#discovery.start();
  }

  async stop(): Promise<void> {
    await this.#discovery.stop();
    this.#client.close();
  }

  /**
   * Who does one of `capabilities`, exactly as they are written; without any, everybody. Throws "network.no-orchestrators"
   * when nobody at all is known.
   */
  list(capabilities: readonly string[] = []): readonly ListedOrchestrator[] {
    const all = new Map<string, ListedOrchestrator>();
    for (const session of this.#sessions.values()) {
      const listed = this.#listed(session);
      if (listed.capabilities.length > 0 && !all.has(listed.address)) all.set(listed.address, listed);
    }
    if (all.size === 0) throw new RivuletError("network.no-orchestrators", { retryAfterMs: RETRY_WHEN_ALONE });
    const wanted = new Set(capabilities);
    return [...all.values()].filter((each) => wanted.size === 0 || each.capabilities.some((name) => wanted.has(name)));
  }

  #listed({ uri, offers }: OrchestratorSession): ListedOrchestrator {
    const payable = offers.filter(
      (offer) =>
        offer.price !== undefined &&
        offer.objection === undefined &&
        aboveMaximum({ offer }, this.#limits) === undefined,
    );
    return {
      address: uri.replace(/\/+$/, ""),
      score: 1,
      capabilities: payable.map(({ pipeline, model }) => `${pipeline.name}/${model}`),
      runners: [],
    };
  }
}
