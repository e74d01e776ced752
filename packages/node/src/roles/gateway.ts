import {
  type AuthOptions,
  defaultWeights,
  Gateway,
  type GatewayOptions,
  type GatewayPorts,
  type JobRecord,
  type OrchestratorList,
  type SelectionOptions,
} from "@rivulet/gateway";
import { isError, type Logger, Rational, RivuletError, Sequence } from "@rivulet/primitives";
import type { RoleNode, RolePorts } from "../compose.ts";
import type { ConfigProblem } from "../config/ai-models.ts";
import type { Configuration } from "../config/load.ts";
import { type GatewaySettings, isPublicNetwork, OFFCHAIN, type Settings } from "../config/schema.ts";
import { Late } from "../late.ts";
import { gatewayMoney } from "../money/gateway-money.ts";
import type { ChainParts } from "../money/on-chain.ts";
import { headerPairs } from "../signer/header-pairs.ts";
import { PerformanceScores } from "./performance-scores.ts";

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
  const scores = scoresFor(settings.gateway, ports);
  const performanceOf: GatewayPorts["performanceOf"] = scores && ((operator) => scores.of(operator));
  const make = () =>
    inOperatorsWords(
      () =>
        new Gateway(options, { ...ports, onJob, performanceOf, ...gatewayMoney(configuration, chain?.parts, ports) }),
    );
  const gateway = new Late(make);
  // Off-chain nothing is waited for, and what is wrong is told at once.
  if (chain === undefined) gateway.make();
  const parts = scores === undefined ? gateway : new Sequence([scores, gateway]);
  return {
    role: "gateway",
    start: async () => {
      await parts.start();
      if (chain !== undefined) await warnOfEmptyPurse(chain.parts, log);
    },
    stop: () => parts.stop(),
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
    allowedOrigins: settings.allowedOrigins.length > 0 ? settings.allowedOrigins : undefined,
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
    publicOnly: isPublicNetwork(network),
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
  // A least score of 0 asks for nothing, and so not for the formula either.
  const minPerformance = settings.minPerformance === 0 ? undefined : settings.minPerformance;
  const told = [selectRandom, selectStake, selectPrice, selectPriceFactor, minPerformance];
  if (told.every((value) => value === undefined)) return undefined;
  const weights = {
    ...defaultWeights,
    ...(selectRandom === undefined ? {} : { random: selectRandom }),
    ...(selectStake === undefined ? {} : { stake: selectStake }),
    ...(selectPrice === undefined ? {} : { price: selectPrice }),
    ...(selectPriceFactor === undefined ? {} : { priceFactor: selectPriceFactor }),
    ...(minPerformance === undefined ? {} : { minPerformance }),
  };
  return { kind: "published", weights };
}

/** What operators are measured by, for who asks for a least score. Throws "config.invalid" for half of the settings. */
function scoresFor({ minPerformance = 0, performanceUrl, region }: GatewaySettings, { clock, log }: RolePorts) {
  const problems: ConfigProblem[] = [];
  if (minPerformance > 1) problems.push({ path: "-minPerfScore", message: "scores are from 0 to 1" });
  if (minPerformance > 0 && performanceUrl === undefined)
    problems.push({ path: "-orchPerfStatsUrl", message: "say where the scores for -minPerfScore are found" });
  if (performanceUrl !== undefined && region === undefined)
    problems.push({ path: "-region", message: "say whose scores of -orchPerfStatsUrl count" });
  if (problems.length > 0) throw new RivuletError("config.invalid", { problems });
  if (minPerformance === 0 || performanceUrl === undefined || region === undefined) return undefined;
  return new PerformanceScores({ url: performanceUrl.href, region }, { clock, log, fetch });
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
