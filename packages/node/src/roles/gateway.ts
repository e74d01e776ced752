import { type AuthOptions, Gateway, type GatewayOptions, type JobRecord } from "@rivulet/gateway";
import { isError, RivuletError } from "@rivulet/primitives";
import type { RoleNode, RolePorts } from "../compose.ts";
import type { ConfigProblem } from "../config/ai-models.ts";
import type { Configuration } from "../config/load.ts";
import type { GatewaySettings } from "../config/schema.ts";

/** The event that tells a job's whole story, as JSON in the fact `record`. Shown at the level `debug`. */
export const JOB_STORY = "job story";

/** Jobs of applications, for whichever orchestrator does them best. */
export function gatewayRole({ settings }: Configuration, ports: RolePorts): RoleNode {
  const { log } = ports;
  const tellStory = (record: JobRecord) => log.debug(JOB_STORY, { record: JSON.stringify(record, withoutBigints) });
  // A story is long to write down: not for a level at which nobody reads it.
  const onJob = settings.logLevel === "debug" ? tellStory : undefined;
  const gateway = inOperatorsWords(() => new Gateway(optionsOf(settings.gateway, ports.version), { ...ports, onJob }));
  return {
    role: "gateway",
    start: () => gateway.start(),
    stop: () => gateway.stop(),
    get address() {
      return gateway.address.url;
    },
  };
}

function optionsOf(settings: GatewaySettings, version: string): GatewayOptions {
  const { orchestrators, orchestratorsWebhook } = settings;
  return {
    listen: settings.httpAddr,
    orchestrators:
      orchestratorsWebhook === undefined
        ? { kind: "list", addresses: orchestrators }
        : { kind: "webhook", url: orchestratorsWebhook.href },
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
    leastVersion: settings.minNodeVersion,
    leastRunnerVersions: Object.fromEntries(
      settings.minRunnerVersions.map(({ pipeline, model_id, minVersion }) => [`${pipeline}/${model_id}`, minVersion]),
    ),
    keepResultsFor: settings.keepResults,
    maxResultBytes: settings.resultMemory,
  };
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
  return typeof value === "bigint" ? value.toString() : value;
}
