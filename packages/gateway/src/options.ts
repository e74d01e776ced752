import type { Address, Signer } from "@rivulet/crypto";
import type { Delivery } from "@rivulet/pipelines";
import { type Clock, type Logger, type Milliseconds, minutes, type Randomness, seconds } from "@rivulet/primitives";
import type { Dispatcher } from "undici";
import type { DefaultsTable } from "./defaults.ts";
import type { OrchestratorPool } from "./discovery/pool.ts";
import type { JobRecord } from "./job-story.ts";
import type { Payer } from "./paying/payer.ts";
import type { PriceLimits } from "./paying/price-limits.ts";
import type { SelectionOptions } from "./selection/draw.ts";

/** What a gateway is told when it is made. Everything that has a default may be left out. */
export interface GatewayOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** Where the orchestrators' addresses come from. */
  readonly orchestrators: OrchestratorList;
  /** Absent: anybody who reaches the gateway may use it. */
  readonly auth?: AuthOptions | undefined;
  /** Allows an address that others reach without `auth`. */
  readonly allowUnauthenticated?: boolean | undefined;
  /**
   * Whose pages' scripts may use the gateway: origins, `local` for pages of the browser's own machine, `*` for all. Default
   * `local`.
   */
  readonly allowedOrigins?: readonly string[] | undefined;
  /** What applications reach the gateway by, when it is not what their `Host` header says. */
  readonly publicUrl?: string | undefined;
  /** Of the software, for `/version`. */
  readonly version?: string | undefined;
  readonly defaults?: DefaultsTable | undefined;
  /** How applications get files unless they say: default `url`. */
  readonly delivery?: Delivery | undefined;
  /** The most bytes of a request with files, and of one without. */
  readonly maxFormBytes?: number | undefined;
  readonly maxJsonBytes?: number | undefined;
  /** The most bytes of all requests that are in memory at once. */
  readonly maxBodiesBytes?: number | undefined;
  /** Jobs that may wait for a slot of one model, and how long one waits. */
  readonly queueLength?: number | undefined;
  readonly patience?: Milliseconds | undefined;
  readonly maxAttempts?: number | undefined;
  /** Of all attempts together, by pipeline, in place of the pipeline's own. */
  readonly deadlines?: Readonly<Record<string, Milliseconds>> | undefined;
  /** Whether a second attempt starts beside a slow first one: default `never`. */
  readonly hedging?: "never" | "after-p95" | undefined;
  readonly discoveryInterval?: Milliseconds | undefined;
  readonly missesAllowed?: number | undefined;
  readonly extraNodes?: number | undefined;
  /** How one of several orchestrators is chosen: default `measured` where there is a pool, `fastest` elsewhere. */
  readonly selection?: SelectionOptions | undefined;
  /** Addresses of orchestrators that get no work. */
  readonly blocked?: readonly string[] | undefined;
  /** Refuses places in private networks that the chain or orchestrators name; those of a list of one's own are taken. */
  readonly publicOnly?: boolean | undefined;
  /** The least software version of orchestrators, and of runners by `pipeline/model`. */
  readonly leastVersion?: string | undefined;
  readonly leastRunnerVersions?: Readonly<Record<string, string>> | undefined;
  readonly keepResultsFor?: Milliseconds | undefined;
  readonly maxResultBytes?: number | undefined;
  readonly maxResults?: number | undefined;
  /** The most bytes of one file of a result. */
  readonly maxFileBytes?: number | undefined;
  /** Origins besides the orchestrators' own from which results may be fetched. */
  readonly resultOrigins?: readonly string[] | undefined;
  /** How long jobs under way may still take when the gateway stops. */
  readonly stopGrace?: Milliseconds | undefined;
}

export type OrchestratorList =
  | { readonly kind: "list"; readonly addresses: readonly string[] }
  | { readonly kind: "webhook"; readonly url: string }
  /** What a remote signer lists: its address, and the headers that only it gets. */
  | { readonly kind: "signer"; readonly url: string; readonly headers?: Readonly<Record<string, string>> | undefined }
  /** The pool on the chain: `GatewayPorts.pool`. */
  | { readonly kind: "pool" };

export type AuthOptions =
  | { readonly kind: "keys"; readonly file: string }
  | {
      readonly kind: "webhook";
      readonly url: string;
      readonly timeout?: Milliseconds | undefined;
      /** How long a yes counts. */
      readonly remember?: Milliseconds | undefined;
    };

/** What a gateway is handed. */
export interface GatewayPorts {
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly log: Logger;
  /** For every HTTP request; absent: one that keeps connections and verifies no certificates, as the network does. */
  readonly dispatcher?: Dispatcher | undefined;
  /** Signs questions and credentials where nobody pays. Absent: they are not signed. */
  readonly signer?: Signer | undefined;
  /** Absent: nobody pays. */
  readonly payer?: Payer | undefined;
  /** The most that is paid, on chain and off. Absent: any price. */
  readonly limits?: PriceLimits | undefined;
  /** The orchestrators on the chain, with their stakes, wherever addresses come from. Absent: off-chain. */
  readonly pool?: OrchestratorPool | undefined;
  /** How reliable an operator is, 0 to 1, where somebody measures: the published formula can ask for a least value. */
  readonly performanceOf?: ((operator: Address) => number | undefined) | undefined;
  /** Gets the story of every job, once it has ended. */
  readonly onJob?: ((record: JobRecord) => void) | undefined;
}

/** What is used where options say nothing. */
export const gatewayDefaults = {
  version: "0.0.0",
  delivery: "url",
  allowedOrigins: ["local"],
  /** The published limit of request bodies. Source: nodes-and-operations 1.2. */
  maxFormBytes: 50 * 1024 * 1024,
  /** The longest conversation the llm pipeline takes, in UTF-8. */
  maxJsonBytes: 8 * 1024 * 1024,
  /** Ten of the largest forms, and what is made of them. */
  maxBodiesBytes: 512 * 1024 * 1024,
  /** At a second a job, the last one waits half a minute: longer is better told at once. */
  queueLength: 32,
  patience: seconds(10),
  maxAttempts: 20,
  hedging: "never",
  discoveryInterval: seconds(60),
  missesAllowed: 3,
  extraNodes: 0,
  leastVersion: "",
  /** As long as orchestrators keep theirs. Source: wire-protocol 1.4. */
  keepResultsFor: minutes(10),
  maxResultBytes: 256 * 1024 * 1024,
  maxResults: 10_000,
  /** Pictures are a few, videos a few dozen megabytes. */
  maxFileBytes: 128 * 1024 * 1024,
  stopGrace: seconds(5),
  authRemember: seconds(30),
} as const;

/** The options with what is usual in place of what was left out. */
export function withDefaults(options: GatewayOptions) {
  return {
    version: options.version ?? gatewayDefaults.version,
    delivery: options.delivery ?? gatewayDefaults.delivery,
    allowedOrigins: options.allowedOrigins ?? gatewayDefaults.allowedOrigins,
    maxFormBytes: options.maxFormBytes ?? gatewayDefaults.maxFormBytes,
    maxJsonBytes: options.maxJsonBytes ?? gatewayDefaults.maxJsonBytes,
    maxBodiesBytes: options.maxBodiesBytes ?? gatewayDefaults.maxBodiesBytes,
    queueLength: options.queueLength ?? gatewayDefaults.queueLength,
    patience: options.patience ?? gatewayDefaults.patience,
    maxAttempts: options.maxAttempts ?? gatewayDefaults.maxAttempts,
    hedging: options.hedging ?? gatewayDefaults.hedging,
    discoveryInterval: options.discoveryInterval ?? gatewayDefaults.discoveryInterval,
    missesAllowed: options.missesAllowed ?? gatewayDefaults.missesAllowed,
    extraNodes: options.extraNodes ?? gatewayDefaults.extraNodes,
    leastVersion: options.leastVersion ?? gatewayDefaults.leastVersion,
    keepResultsFor: options.keepResultsFor ?? gatewayDefaults.keepResultsFor,
    maxResultBytes: options.maxResultBytes ?? gatewayDefaults.maxResultBytes,
    maxResults: options.maxResults ?? gatewayDefaults.maxResults,
    maxFileBytes: options.maxFileBytes ?? gatewayDefaults.maxFileBytes,
  };
}
