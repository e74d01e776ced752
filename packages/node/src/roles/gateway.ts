import {
  type AuthOptions,
  defaultWeights,
  Gateway,
  type GatewayOptions,
  type JobRecord,
  type OrchestratorList,
  type SelectionOptions,
} from "@rivulet/gateway";
import { isError, type Logger, Rational, RivuletError } from "@rivulet/primitives";
import type { RoleNode, RolePorts } from "../compose.ts";
import type { ConfigProblem } from "../config/ai-models.ts";
import type { Configuration } from "../config/load.ts";
import { type GatewaySettings, networks, OFFCHAIN, type Settings } from "../config/schema.ts";
import { Late } from "../late.ts";
import { gatewayMoney } from "../money/gateway-money.ts";
import type { ChainParts } from "../money/on-chain.ts";
import { headerPairs } from "../signer/header-pairs.ts";

/** The event that tells a job's whole story, as JSON in the fact `record`. Shown at the level `debug`. */
export const JOB_STORY = "job story";

/** Jobs of applications, for whichever orchestrator does them best. */
export function gatewayRole(configuration: Configuration, ports: RolePorts): RoleNode {
  const { settings } = configuration;
  const { log } = ports;
  const chain = settings.gateway.remoteSigner === undefined ? ports.chain : undefined;
  const tellStory = (record: JobRecord) => log.debug(JOB_STORY, { record: JSON.stringify(record, withoutBigints) });
  // A story is long to write down: not for a level at which nobody reads it.
  const onJob = settings.logLevel === "debug" ? tellStory : undefined;
  const options = optionsOf(settings, ports.version);
  const make = () =>
    inOperatorsWords(
      () => new Gateway(options, { ...ports, onJob, ...gatewayMoney(configuration, chain?.parts, ports) }),
    );
  const gateway = new Late(make);
  // Off-chain nothing is waited for, and what is wrong is told at once.
  if (chain === undefined) gateway.make();
  return {
    role: "gateway",
    start: async () => {
      await gateway.start();
      if (chain !== undefined) await warnOfEmptyPurse(chain.parts, log);
    },
    stop: () => gateway.stop(),
    get address() {
      return gateway.made.address.url;
    },
  };
}

/** Who has nothing locked starts all the same, as funds may come later, and is told what to do. */
async function warnOfEmptyPurse({ chain, key }: ChainParts, log: Logger): Promise<void> {
  const { deposit, reserveRemaining, withdrawRound } = await chain.senders.funds(key.address);
  const account = key.address;
  if (deposit === 0n || reserveRemaining === 0n)
    log.warn("nothing is locked for tickets: run rivulet deposit and rivulet reserve", {
      account,
      deposit,
      reserve: reserveRemaining,
    });
  else if (withdrawRound > 0n)
    log.warn("deposit and reserve are unlocking: run rivulet unlock cancel to keep paying", { account, withdrawRound });
}

function optionsOf({ gateway: settings, network }: Settings, version: string): GatewayOptions {
  return {
    listen: settings.httpAddr,
    orchestrators: listOf(settings, network !== OFFCHAIN && settings.remoteSigner === undefined),
    selection: selectionOf(settings),
    auth: authOf(settings),
    allowUnauthenticated: settings.allowNoAuth,
    publicUrl: settings.publicUrl?.href,
    version,
    defaults: settings.defaults,
    deadlines: settings.deadlines,
    maxFormBytes: settings.maxUpload,
    queueLength: settings.queueLength,
    patience: settings.patience,
    hedging: settings.hedge ? "after-p95" : "never",
    discoveryInterval: settings.discoveryInterval,
    extraNodes: settings.extraNodes,
    blocked: settings.blocklist,
    publicOnly: Object.values(networks).some(({ name, isPublic }) => isPublic && name === network),
    leastVersion: settings.minNodeVersion,
    leastRunnerVersions: Object.fromEntries(
      settings.minRunnerVersions.map(({ pipeline, model_id, minVersion }) => [`${pipeline}/${model_id}`, minVersion]),
    ),
    keepResultsFor: settings.keepResults,
    maxResultBytes: settings.resultMemory,
  };
}

/** Where orchestrators are looked for: a webhook, else a list, else the chain. Source: payments 12.4. */
function listOf(
  { orchestrators, orchestratorsWebhook, remoteSigner, remoteSignerHeaders }: GatewaySettings,
  isOnChain: boolean,
): OrchestratorList {
  if (orchestratorsWebhook !== undefined) return { kind: "webhook", url: orchestratorsWebhook.href };
  if (orchestrators.length > 0) return { kind: "list", addresses: orchestrators };
  if (remoteSigner !== undefined)
    return { kind: "signer", url: remoteSigner.href, headers: headerPairs(remoteSignerHeaders) };
  return isOnChain ? { kind: "pool" } : { kind: "list", addresses: [] };
}

/** The published formula as soon as one of its flags is given; else our own. */
function selectionOf(settings: GatewaySettings): SelectionOptions | undefined {
  const { selectRandom, selectStake, selectPrice, selectPriceFactor } = settings;
  const told = [selectRandom, selectStake, selectPrice, selectPriceFactor];
  if (told.every((value) => value === undefined)) return undefined;
  const weights = {
    ...defaultWeights,
    ...(selectRandom === undefined ? {} : { random: selectRandom }),
    ...(selectStake === undefined ? {} : { stake: selectStake }),
    ...(selectPrice === undefined ? {} : { price: selectPrice }),
    ...(selectPriceFactor === undefined ? {} : { priceFactor: selectPriceFactor }),
  };
  return { kind: "published", weights };
}

function authOf({ keys, authWebhook }: GatewaySettings): AuthOptions | undefined {
  if (authWebhook !== undefined) return { kind: "webhook", url: authWebhook.href };
  return keys === undefined ? undefined : { kind: "keys", file: keys };
}

/** The gateway's own checks, with the flags an operator would change. */
function inOperatorsWords(make: () => Gateway): Gateway {
  try {
    return make();
  } catch (error) {
    if (!isError(error, "config.invalid")) throw error;
    const problems = error.facts.problems.map((problem) =>
      problem.path === "gateway.listen" ? openToStrangers : problem,
    );
    throw new RivuletError("config.invalid", { problems }, { cause: error });
  }
}

const openToStrangers: ConfigProblem = {
  path: "-httpAddr",
  message: "other machines can reach this address: give -apiKeys or -authWebhookUrl, or waive both with -allowNoAuth",
};

function withoutBigints(_key: string, value: unknown): unknown {
  if (value instanceof Rational) return value.toString();
  return typeof value === "bigint" ? value.toString() : value;
}
