import { z } from "zod";
import type { Surroundings } from "./secrets.ts";
import {
  bytes,
  bytesOr,
  choice,
  duration,
  durationText,
  fileOrText,
  flagSwitch,
  list,
  listenAddress,
  listenAddressOr,
  path,
  pathOr,
  peer,
  peers,
  secret,
  secretReference,
  settings,
  text,
  url,
  whole,
} from "./setting.ts";

export const ROLES = ["gateway", "orchestrator", "worker", "runner"] as const;

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
    stopWithParent: flagSwitch("stopWithParent", "stop when standard input closes: for programs that start nodes"),
  };
}

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
  };
}

export function gatewaySection(surroundings: Surroundings) {
  return z.strictObject({
    httpAddr: listenAddress("httpAddr", "address of the application routes", "127.0.0.1:9935"),
    publicUrl: url(
      "gatewayHost",
      "the gateway's own address as applications see it (default: the one each request used)",
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
    isWorker: flagSwitch("aiWorker", "do jobs on this machine too, with a runner of its own"),
    ...modelsSection(surroundings),
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
  });
}

export type Settings = z.output<ReturnType<typeof documentSchema>>;
export type GatewaySettings = Settings["gateway"];
