import { arbitrumOne, local } from "@rivulet/chain";
import { z } from "zod";
import type { Surroundings } from "./secrets.ts";
import {
  account,
  accountText,
  bytes,
  bytesOr,
  choice,
  duration,
  durationText,
  endpoints,
  fileOrText,
  flagSwitch,
  fraction,
  gpuNumber,
  list,
  listenAddress,
  listenAddressOr,
  moneyOr,
  moneyText,
  networkName,
  path,
  pathOr,
  peer,
  peers,
  secondsOr,
  secret,
  secretReference,
  settings,
  text,
  unitCount,
  url,
  wei,
  weiOr,
  whole,
} from "./setting.ts";

export const ROLES = ["gateway", "orchestrator", "worker", "runner", "signer", "redeemer"] as const;

const PAYING_ROLES: readonly Role[] = ["gateway", "orchestrator", "signer", "redeemer"];

/** Whether a role has money: whether it reads the section `chain`. */
export function isPayingRole(role: Role): boolean {
  return PAYING_ROLES.includes(role);
}

/** The networks with money, by name. */
export const networks = { [arbitrumOne.name]: arbitrumOne, [local.name]: local } as const;

/** Whether strangers take part in a network, so that what they name is looked at twice. */
export function isPublicNetwork(network: string): boolean {
  return Object.values(networks).some(({ name, isPublic }) => isPublic && name === network);
}

/** What is not on any chain: nothing is paid. */
export const OFFCHAIN = "offchain";

/** The kinds of node one process can be. */
export type Role = (typeof ROLES)[number];

/** What all roles have in common. */
function nodeSection(surroundings: Surroundings) {
  return {
    dataDir: path("dataDir", "directory for what a node keeps", surroundings, "~/.rivulet"),
    logLevel: choice(
      "logLevel",
      "the least important lines that are shown",
      ["debug", "info", "warn", "error", "silent"],
      "info",
    ),
    logFormat: choice(
      "logFormat",
      "one line for people, or one JSON object for programs",
      ["auto", "lines", "json"],
      "auto",
    ),
    network: networkName("network", "the chain on which jobs are paid", [OFFCHAIN, ...Object.keys(networks)], OFFCHAIN),
    stopWithParent: flagSwitch("stopWithParent", "stop when standard input closes: for programs that start nodes"),
  };
}

/** The chain, for every role that pays or is paid. Ignored off-chain. */
function chainSection(surroundings: Surroundings) {
  return z.strictObject({
    rpc: endpoints(
      "ethUrl",
      "JSON-RPC endpoints of the chain, comma separated; the next takes over when one fails",
      surroundings,
    ),
    account: account(
      "ethAcctAddr",
      "the account that signs and sends transactions (default: the only one in the keystore)",
    ),
    keystore: path(
      "ethKeystorePath",
      "key file in the Web3 Secret Storage form, or a directory of them",
      surroundings,
      "~/.rivulet/keystore",
    ),
    passphrase: secret("ethPassword", "passphrase of the key: itself, a file, file:PATH or env:NAME", surroundings),
    operator: account("ethOrchAddr", "the registered orchestrator that is paid (default: the account itself)"),
    controller: account("ethController", "the contract that knows the others (default: the network's)"),
    aiServiceRegistry: flagSwitch(
      "aiServiceRegistry",
      "keep and find addresses of orchestrators in the registry of AI nodes, where the network has one",
      true,
    ),
    priceFeed: account("priceFeedAddr", "the contract that tells what an ether costs (default: the network's)"),
    pollInterval: secondsOr(
      "blockPollingInterval",
      "how often the head of the chain is asked for (default: the network's)",
    ),
    minGasPrice: weiOr("minGasPrice", "gas prices below this are taken for errors (default: the network's)"),
    maxGasPrice: weiOr("maxGasPrice", "no transaction pays more for a unit of gas (default: no limit)"),
    gasLimit: whole(
      "gasLimit",
      "gas that every transaction gets, 0 for what it is estimated to take and a margin",
      0,
      [0, 1_000_000_000],
    ),
    redeemWhenGasBelow: weiOr(
      "redeemWhenGasBelow",
      "winners wait for gas at or below this price until the last round in which they are paid (default: no limit)",
    ),
    transactionTimeout: duration(
      "transactionTimeout",
      "how long a transaction may stay out before it is replaced",
      "5min",
    ),
    maxTransactionReplacements: whole(
      "maxTransactionReplacements",
      "how often a transaction is sent again with more gas",
      1,
      [0, 20],
    ),
    reward: flagSwitch(
      "reward",
      "mint the reward of an orchestrator's own account in every round in which it is active",
      true,
    ),
    initializeRound: flagSwitch("initializeRound", "begin rounds that nobody else begins"),
    initializeRoundMaxDelay: duration("initializeRoundMaxDelay", "at most how long to wait for others to do it", "30s"),
  });
}

/** The limits within which a payer signs; a payment has room for a photograph at the network's prices. Source: payments 22. */
function payerSettings() {
  return {
    maxTicketValue: wei("maxTicketEV", "the most one ticket may be worth on average", "3000 gwei"),
    maxPaymentValue: wei("maxTotalEV", "the most the tickets of one payment may be worth on average", "100000 gwei"),
    depositMultiplier: whole(
      "depositMultiplier",
      "a winner may take at most the deposit divided by this",
      1,
      [1, 1_000_000],
    ),
    maxPrice: moneyOr("maxPricePerUnit", "the most one unit of any work may cost, 0 for any price"),
    priceUnits: unitCount("pixelsPerUnit", "how many units a price is for"),
    maxPrices: z.array(priceRow).default([]),
    maxPriceTable: fileOrText(
      "maxPricePerCapability",
      "the most a unit may cost by pipeline and model: a JSON file or its text",
    ),
  };
}

/** A price in a document, for an amount of work in the unit of its pipeline, such as `1 Mpx`. */
const priceRow = z.strictObject({
  pipeline: z.string(),
  model: z.string().min(1).default("default"),
  price: moneyText,
  per: z.string(),
});

/** What every role that runs models itself has in common. */
function modelsSection(surroundings: Surroundings) {
  return {
    models: z.array(modelEntry(surroundings)).default([]),
    aiModels: fileOrText("aiModels", "models: an aiModels.json file, its JSON text, or pipeline:model:warm,…"),
    modelsDir: pathOr(
      "aiModelsDir",
      "directory of model weights in the Hugging Face layout (default: models in dataDir)",
      surroundings,
    ),
    modelMemory: bytesOr(
      "modelMemory",
      "memory that resident models may take together; idle cold ones are evicted beyond it (default: four fifths of the machine's)",
    ),
    threads: whole("threads", "processor threads of each model; 0 takes all", 0, [0, 1024]),
    gpu: gpuNumber("nvidia", "the NVIDIA GPU that models run on, by its number (default: the processor)"),
    executionProviders: list(
      "executionProviders",
      "what models run on, in place of -nvidia: names of ONNX Runtime in order of preference, such as webgpu,cpu",
    ),
    safety: choice(
      "safetyChecker",
      "whether image models that come without a safety checker are refused",
      ["best-effort", "required"],
      "best-effort",
    ),
    seedMode: choice("seedMode", "whose random numbers a seed stands for", ["cuda", "cpu"], "cuda"),
  };
}

export function gatewaySection(surroundings: Surroundings) {
  return z.strictObject({
    httpAddr: listenAddress("httpAddr", "address of the application routes", "127.0.0.1:9935"),
    publicUrl: url(
      "gatewayHost",
      "the gateway's own address as applications see it (default: the one each request used)",
    ),
    allowedOrigins: list(
      "allowedOrigins",
      "whose pages' scripts may use the gateway, comma separated: origins such as https://app.example, local (pages of the browser's own machine), or * (default: local)",
    ),
    orchestrators: peers("orchAddr", "orchestrators, comma separated"),
    orchestratorsWebhook: url("orchWebhookUrl", "answers the list of orchestrators as JSON, in place of -orchAddr"),
    discoveryInterval: duration(
      "discoveryInterval",
      "time between two rounds of asking the orchestrators about themselves",
      "60s",
    ),
    extraNodes: whole("extraNodes", "further addresses of each orchestrator that are asked too", 0, [0, 100]),
    blocklist: list("orchBlocklist", "addresses of orchestrators that get no work, comma separated"),
    minNodeVersion: text("orchMinLivepeerVersion", "the least software version of orchestrators"),
    minRunnerVersions: z
      .array(z.object({ pipeline: z.string(), model_id: z.string(), minVersion: z.string() }))
      .default([])
      .register(settings, {
        flag: "aiMinRunnerVersion",
        form: "json",
        help: "the least runner version of models: a list of {pipeline, model_id, minVersion}, or its file",
      }),
    keys: pathOr("apiKeys", "file of applications' bearer keys: NAME KEY a line, or NAME sha256:DIGEST", surroundings),
    authWebhook: url("authWebhookUrl", "asked whether a request may pass"),
    allowNoAuth: flagSwitch("allowNoAuth", "serve other machines without keys or a webhook"),
    defaults: z
      .record(
        z.string(),
        z.strictObject({
          model: z.string().exactOptional(),
          fields: z.record(z.string(), z.unknown()).exactOptional(),
          models: z.record(z.string(), z.record(z.string(), z.unknown())).exactOptional(),
        }),
      )
      .default({})
      .register(settings, {
        flag: "modelDefaults",
        form: "json",
        help: "what applications leave out, by pipeline: {model, fields, models: {ID: fields}}, or its file",
      }),
    queueLength: whole("queueLength", "jobs that may wait for a slot of one model", 32, [0, 10_000]),
    patience: duration("patience", "how long a job waits for a slot", "10s"),
    deadlines: z.record(z.string(), durationText).default({}).register(settings, {
      flag: "deadlines",
      form: "json",
      help: 'how long all attempts of a job may take together, by pipeline: {"upscale": "2min"}, or its file (default: each pipeline\'s own)',
    }),
    maxUpload: bytes("maxUpload", "the largest request with files", "50 MiB"),
    keepResults: duration("keepResults", "how long results can be fetched", "10min"),
    resultMemory: bytes("resultMemory", "memory for results; the oldest make room", "256 MiB"),
    hedge: flagSwitch("hedge", "start a second attempt when the first is slower than usual"),
    ...payerSettings(),
    selectRandom: fraction("selectRandFreq", "share of chance in choosing, with the published formula"),
    selectStake: fraction("selectStakeWeight", "share of stake in choosing, with the published formula"),
    selectPrice: fraction("selectPriceWeight", "share of price in choosing, with the published formula"),
    selectPriceFactor: fraction(
      "selectPriceExpFactor",
      "wei a unit by which a price loses weight, with the published formula",
    ),
    minPerformance: fraction(
      "minPerfScore",
      "operators measured below this, from 0 to 1, get no job while another is above, with the published formula",
    ),
    performanceUrl: url("orchPerfStatsUrl", "answers the scores of operators by region as JSON, for -minPerfScore"),
    region: text("region", "the region whose scores count, as the scores name it"),
    remoteSigner: url("remoteSignerUrl", "pay through the remote signer at this address, without a key here"),
    remoteSignerHeaders: list(
      "remoteSignerHeaders",
      "headers for the remote signer alone: NAME:VALUE, comma separated",
    ),
  });
}

export function orchestratorSection(surroundings: Surroundings) {
  return z.strictObject({
    serviceUri: text(
      "serviceAddr",
      "HOST:PORT or URL at which gateways reach this orchestrator; http:// serves cleartext",
    ),
    httpAddr: listenAddressOr("httpAddr", "address to listen on (default: every interface, port of serviceAddr)"),
    secret: secret("orchSecret", "shared secret of workers: itself, a file, file:PATH or env:NAME", surroundings),
    gatewayWebhook: url(
      "authWebhookUrl",
      "asked about each gateway whether it is told anything, and at what base price",
    ),
    resultMemory: bytes(
      "resultMemory",
      "memory for results, and for what workers are given to work on; the oldest make room",
      "512 MB",
    ),
    isWorker: flagSwitch("aiWorker", "do jobs on this machine too, with a runner of its own"),
    ...modelsSection(surroundings),
    price: moneyOr("pricePerUnit", "what one unit of work costs of the models that are named without a price"),
    priceUnits: unitCount("pixelsPerUnit", "how many units a price is for"),
    prices: z.array(priceRow.extend({ gateway: accountText.optional() })).default([]),
    gatewayPrices: fileOrText("pricePerGateway", "prices for single gateways: a JSON file or its text"),
    autoAdjustPrice: flagSwitch("autoAdjustPrice", "add the cost of redeeming to the price", true),
    ticketValue: wei("ticketEV", "what a ticket shall be worth on average", "1000 gwei"),
    maxFaceValue: weiOr("maxFaceValue", "no winner is for more (default: no limit)"),
    redeemer: text("redeemerAddr", "the redeemer that redeems for this orchestrator, HOST:PORT"),
    redeemerSecret: secret(
      "redeemerSecret",
      "the redeemer's shared secret: itself, a file, file:PATH or env:NAME",
      surroundings,
    ),
    redeemerCertificate: pathOr(
      "redeemerCertificate",
      "PEM file of the redeemer's certificate, and no other is trusted (by default every one is, for private networks)",
      surroundings,
    ),
  });
}

export function workerSection(surroundings: Surroundings) {
  return z.strictObject({
    orchestrator: peer("orchAddr", "the orchestrator to work for"),
    secret: secret(
      "orchSecret",
      "the orchestrator's shared secret: itself, a file, file:PATH or env:NAME",
      surroundings,
    ),
    ...modelsSection(surroundings),
  });
}

export function runnerSection(surroundings: Surroundings) {
  return z.strictObject({
    httpAddr: listenAddress("httpAddr", "address of the runner routes", "127.0.0.1:8000"),
    token: secret("authToken", "bearer token that callers must show", surroundings),
    ...modelsSection(surroundings),
  });
}

export function signerSection(surroundings: Surroundings) {
  return z.strictObject({
    httpAddr: listenAddress("httpAddr", "address of the signer's routes", "127.0.0.1:8935"),
    tlsCertificate: pathOr(
      "tlsCertificate",
      "PEM file of the certificate to show, for https (default: http, for this machine alone)",
      surroundings,
    ),
    tlsKey: pathOr("tlsKey", "PEM file of the certificate's key", surroundings),
    callers: pathOr("apiKeys", "file of callers' bearer keys: NAME KEY a line, or NAME sha256:DIGEST", surroundings),
    authWebhook: url("remoteSignerWebhookUrl", "asked before anything is signed for a caller"),
    authWebhookHeaders: list("remoteSignerWebhookHeaders", "headers for that webhook: NAME:VALUE, comma separated"),
    allowNoAuth: flagSwitch("remoteSignerAllowNoAuth", "sign for whoever reaches the loopback address"),
    remoteDiscovery: flagSwitch(
      "remoteDiscovery",
      "tell callers which orchestrators of the chain do what at a price that is paid",
    ),
    callerBudget: weiOr("callerBudget", "the most that is signed for one caller in a day (default: no limit)"),
    ...payerSettings(),
  });
}

export function redeemerSection(surroundings: Surroundings) {
  return z.strictObject({
    httpAddr: listenAddress("httpAddr", "address for orchestrators", "127.0.0.1:8935"),
    tlsCertificate: pathOr(
      "tlsCertificate",
      "PEM file of the certificate to show (default: one made at each start, which nobody can verify)",
      surroundings,
    ),
    tlsKey: pathOr("tlsKey", "PEM file of the certificate's key", surroundings),
    secret: secret(
      "redeemerSecret",
      "shared secret of the orchestrators: itself, a file, file:PATH or env:NAME",
      surroundings,
    ),
    allowNoAuth: flagSwitch("allowNoAuth", "redeem for whoever reaches the loopback address"),
  });
}

/** A model in the document: the same facts as an entry of aiModels.json, in our words. */
function modelEntry(surroundings: Surroundings) {
  return z.strictObject({
    pipeline: z.string(),
    model: z.string().min(1),
    warm: z.boolean().default(false),
    slots: z.int().min(1).max(1024).default(1),
    /** Directory of the weights, where it is not below `modelsDir`. */
    directory: z
      .string()
      .transform((value) => surroundings.resolvePath(value))
      .optional(),
    /** An external runner that has the model. */
    url: z.string().optional(),
    token: secretReference(surroundings).optional(),
    /** What runs it: `native`, or behind the URL `external`, `openai`, `ollama`. */
    runtime: z.string().optional(),
    /** What the server behind the URL calls it. */
    upstreamModel: z.string().optional(),
  });
}

export type ModelEntry = z.output<ReturnType<typeof modelEntry>>;

/** The whole document. Sections of roles that are not started are checked all the same. */
export function documentSchema(surroundings: Surroundings) {
  return z.strictObject({
    roles: z.array(z.enum(ROLES)).default([]),
    ...nodeSection(surroundings),
    gateway: gatewaySection(surroundings).prefault({}),
    orchestrator: orchestratorSection(surroundings).prefault({}),
    worker: workerSection(surroundings).prefault({}),
    runner: runnerSection(surroundings).prefault({}),
    signer: signerSection(surroundings).prefault({}),
    redeemer: redeemerSection(surroundings).prefault({}),
    chain: chainSection(surroundings).prefault({}),
  });
}

export type Settings = z.output<ReturnType<typeof documentSchema>>;
export type GatewaySettings = Settings["gateway"];
export type ChainSettings = Settings["chain"];

/** The sections of the document that matter to some roles. */
export function sectionsOf(roles: readonly Role[]): readonly string[] {
  return roles.some(isPayingRole) ? [...roles, "chain"] : roles;
}
