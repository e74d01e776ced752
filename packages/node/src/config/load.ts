import { RivuletError } from "@rivulet/primitives";
import { parseDocument } from "yaml";
import type { z } from "zod";
import { type ConfigProblem, type ConfiguredModel, combineModels, parseAiModels } from "./ai-models.ts";
import {
  documentOfEnvironment,
  type FlaggedSetting,
  type FlagValue,
  flagFileArguments,
  flaggedSettings,
  flagsOfEnvironment,
  parseFlags,
  sectionOf,
} from "./flags.ts";
import { suggestion } from "./nearest.ts";
import { type AskedPrices, askedPrices, type PriceLimits, priceLimits } from "./prices.ts";
import { documentSchema, type ModelEntry, networks, ROLES, type Role, type Settings, sectionsOf } from "./schema.ts";
import { findText, reasonOf, type Surroundings } from "./secrets.ts";

/** Where a value came from. */
export type Source = "default" | "network" | "file" | "environment" | "flag";

/** A checked configuration: every value has its type, and it is known who said it. */
export interface Configuration {
  readonly roles: readonly Role[];
  readonly settings: Settings;
  /** The models of the role that runs them, of the document and of aiModels together. */
  readonly models: { readonly [R in ModelRole]: readonly ConfiguredModel[] };
  /** What the orchestrator asks, and what payers pay at most. */
  readonly prices: {
    readonly orchestrator: AskedPrices;
    readonly gateway: PriceLimits;
    readonly signer: PriceLimits;
  };
  /** By dotted path, for every setting of the started roles. */
  readonly sources: ReadonlyMap<string, Source>;
  readonly known: readonly FlaggedSetting[];
}

/** A config file is read whole; one of a large operator is a few kilobytes. */
const MAX_DOCUMENT = 1024 * 1024;

export interface LoadInput {
  /** Roles named by the command; the document's own when empty. */
  readonly roles: readonly Role[];
  /** Sections whose settings count, when it is no role that is started. */
  readonly sections?: readonly string[];
  readonly flags: readonly FlagValue[];
  readonly flagProblems: readonly ConfigProblem[];
  readonly file?: string;
}

/**
 * Defaults, the network's own, the config file, the environment and flags, in this order, checked as one document.
 * Throws `config.invalid` with all problems of all of them.
 */
export function loadConfiguration(input: LoadInput, surroundings: Surroundings): Configuration {
  const problems: ConfigProblem[] = [...input.flagProblems];
  const schema = documentSchema(surroundings);
  const raw: Record<string, unknown> = {};
  const sources = new Map<string, Source>();
  const read = input.file === undefined ? undefined : readDocument(input.file, surroundings, problems);
  if (read?.kind === "document") mergeDocument(raw, read.content, sources);
  const roles = input.roles.length > 0 ? input.roles : rolesOf(raw);
  const known = flaggedSettings(schema, input.sections ?? sectionsOf(roles));
  if (read?.kind === "flags") {
    const fromFile = parseFlags(read.argv, known, surroundings);
    problems.push(...fromFile.problems);
    overlay(raw, fromFile.values, "file", sources);
  }
  overlay(raw, documentOfEnvironment(surroundings.env, schema, surroundings, problems), "environment", sources);
  overlay(raw, flagsOfEnvironment(surroundings.env, known, surroundings), "environment", sources);
  overlay(raw, input.flags, "flag", sources);
  underlay(raw, presetOf(raw["network"]), sources);

  const parsed = schema.safeParse(raw);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) problems.push(...problemsOf(issue, schema));
    for (const role of MODEL_ROLES) modelsOf(role, writtenModels(raw[role]), surroundings, problems);
    throw new RivuletError("config.invalid", { problems });
  }
  const settings = parsed.data;
  const models = {
    orchestrator: modelsOf("orchestrator", settings.orchestrator, surroundings, problems),
    worker: modelsOf("worker", settings.worker, surroundings, problems),
    runner: modelsOf("runner", settings.runner, surroundings, problems),
  };
  const prices = {
    orchestrator: askedPrices(settings.orchestrator, models.orchestrator, surroundings, problems),
    gateway: priceLimits("gateway", settings.gateway, surroundings, problems),
    signer: priceLimits("signer", settings.signer, surroundings, problems),
  };
  for (const role of MODEL_ROLES)
    if (settings[role].gpu !== undefined && settings[role].executionProviders.length > 0)
      problems.push({
        path: `${role}.executionProviders`,
        message: "-nvidia says already what models run on: keep one",
      });
  if (problems.length > 0) throw new RivuletError("config.invalid", { problems });
  return { roles, settings, models, prices, sources, known };
}

/** What a network brings along for the section `chain`. */
function presetOf(name: unknown): Readonly<Record<string, unknown>> {
  const network = Object.values(networks).find((each) => each.name === String(name).replace(/-mainnet$/, ""));
  if (network === undefined) return {};
  const { controller, priceFeed, pollInterval, minGasPrice } = network;
  return {
    controller,
    ...(priceFeed === undefined ? {} : { priceFeed }),
    pollInterval: `${pollInterval}ms`,
    minGasPrice: `${minGasPrice} wei`,
    ...(network.name === "local" ? { rpc: ["http://127.0.0.1:8545"] } : {}),
  };
}

/** Puts values where nobody said any. */
function underlay(
  raw: Record<string, unknown>,
  preset: Readonly<Record<string, unknown>>,
  sources: Map<string, Source>,
): void {
  const chain = raw["chain"];
  if (chain !== undefined && !isRecord(chain)) return;
  const told = chain ?? {};
  raw["chain"] = { ...preset, ...told };
  for (const key of Object.keys(preset)) if (!(key in told)) sources.set(`chain.${key}`, "network");
}

/** The roles a config file names; none when it cannot be read, which loading it reports. */
export function rolesInFile(file: string, surroundings: Surroundings): readonly Role[] {
  const read = readDocument(file, surroundings, []);
  return read?.kind === "document" ? rolesOf(read.content) : [];
}

type ReadFile =
  | { readonly kind: "document"; readonly content: Record<string, unknown> }
  | { readonly kind: "flags"; readonly argv: readonly string[] };

/** A `.yaml`, `.yml` or `.json` file is a document; any other is go-livepeer's plain flag file. */
function readDocument(file: string, surroundings: Surroundings, problems: ConfigProblem[]): ReadFile | undefined {
  let text: string;
  try {
    text = surroundings.readText(surroundings.resolvePath(file));
  } catch (error) {
    problems.push({ path: file, message: `cannot be read (${reasonOf(error)})` });
    return undefined;
  }
  if (text.length > MAX_DOCUMENT) {
    problems.push({ path: file, message: `longer than ${MAX_DOCUMENT} characters` });
    return undefined;
  }
  if (!/\.(ya?ml|json)$/i.test(file)) return { kind: "flags", argv: flagFileArguments(text) };
  return parseConfigText(text, file, problems);
}

function parseConfigText(text: string, file: string, problems: ConfigProblem[]): ReadFile | undefined {
  try {
    // Aliases could make a small text a large document.
    const document = parseDocument(text, { prettyErrors: true, uniqueKeys: true, logLevel: "error" });
    for (const error of document.errors) problems.push({ path: file, message: error.message.split("\n")[0] ?? "" });
    if (document.errors.length > 0) return undefined;
    const content: unknown = document.toJS({ maxAliasCount: 0 }) ?? {};
    if (isRecord(content)) return { kind: "document", content };
    problems.push({ path: file, message: "is not a document of keys and values" });
  } catch (error) {
    problems.push({ path: file, message: reasonOf(error) });
  }
  return undefined;
}

function mergeDocument(
  raw: Record<string, unknown>,
  content: Record<string, unknown>,
  sources: Map<string, Source>,
): void {
  for (const [key, value] of Object.entries(content)) {
    raw[key] = isRecord(value) ? { ...value } : value;
    if (isRecord(value)) for (const inner of Object.keys(value)) sources.set(`${key}.${inner}`, "file");
    else sources.set(key, "file");
  }
}

function overlay(
  raw: Record<string, unknown>,
  values: readonly FlagValue[],
  source: Source,
  sources: Map<string, Source>,
): void {
  for (const { path, value } of values) {
    const [first = "", second] = path;
    if (second === undefined) raw[first] = value;
    else {
      const section = raw[first];
      raw[first] = { ...(isRecord(section) ? section : {}), [second]: value };
    }
    sources.set(path.join("."), source);
  }
}

function rolesOf(raw: Record<string, unknown>): readonly Role[] {
  const stated = Array.isArray(raw["roles"]) ? raw["roles"] : [];
  return ROLES.filter((role) => stated.includes(role));
}

function problemsOf(issue: z.core.$ZodIssue, schema: z.ZodObject): readonly ConfigProblem[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    const section = path.length === 0 ? schema : sectionOf(schema, path[0] ?? "");
    const names = path.length <= 1 ? Object.keys(section?.shape ?? {}) : [];
    return issue.keys.map((key) => ({
      path: [...path, key].join("."),
      message: `there is no such setting${suggestion(key, names)}`,
    }));
  }
  if (issue.code === "invalid_union") {
    const inner = issue.errors.flat().find(({ code }) => code === "custom") ?? issue.errors.flat()[0];
    if (inner !== undefined) return [{ path: [...path, ...inner.path.map(String)].join("."), message: inner.message }];
  }
  return [{ path: path.join("."), message: issue.message }];
}

const MODEL_ROLES = ["orchestrator", "worker", "runner"] as const satisfies readonly Role[];
type ModelRole = (typeof MODEL_ROLES)[number];

/** What a section that has other problems says about models, as far as it can be looked at. */
function writtenModels(section: unknown): Pick<Settings[ModelRole], "models" | "aiModels"> {
  const aiModels = isRecord(section) ? section["aiModels"] : undefined;
  return { models: [], aiModels: typeof aiModels === "string" ? aiModels : undefined };
}

function modelsOf(
  role: ModelRole,
  { models, aiModels }: Pick<Settings[ModelRole], "models" | "aiModels">,
  surroundings: Surroundings,
  problems: ConfigProblem[],
): readonly ConfiguredModel[] {
  try {
    const document = documentModels(models, `${role}.models`);
    if (aiModels === undefined) return document;
    const file = /^\s*\[/.test(aiModels) ? undefined : findText(aiModels, surroundings);
    const fromFlag = parseAiModels(file ?? aiModels, file === undefined ? `${role}.aiModels` : aiModels);
    const resolved = fromFlag.map((model) =>
      model.directory === undefined ? model : { ...model, directory: surroundings.resolvePath(model.directory) },
    );
    return combineModels(document, resolved, `${role}.aiModels`);
  } catch (error) {
    if (!(error instanceof RivuletError) || !("problems" in error.facts)) throw error;
    for (const problem of error.facts.problems) if ("path" in problem) problems.push(problem);
    return [];
  }
}

/** The document's models, through the parser of aiModels.json: one compilation for both. */
function documentModels(entries: readonly ModelEntry[], path: string): readonly ConfiguredModel[] {
  if (entries.length === 0) return [];
  const written = entries.map(({ model, slots, directory, upstreamModel, token: _, ...same }) => ({
    ...same,
    model_id: model,
    capacity: slots,
    repo: directory,
    upstream_model: upstreamModel,
  }));
  return parseAiModels(JSON.stringify(written), path).map((model) => {
    const token = entries.find((entry) => entry.pipeline === model.pipeline && entry.model === model.model)?.token;
    return model.endpoint === undefined || token === undefined
      ? model
      : { ...model, endpoint: { ...model.endpoint, token } };
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.getPrototypeOf(value) === Object.prototype
  );
}
