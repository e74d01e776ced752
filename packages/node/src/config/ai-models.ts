import type { RunnerInterface } from "@rivulet/orchestrator";
import { isPipelineName, type PipelineName, pipelineNames } from "@rivulet/pipelines";
import { type ModelId, modelId, Rational, RivuletError } from "@rivulet/primitives";
import { z } from "zod";
import { suggestion } from "./nearest.ts";
import { exactJson, findDecimal } from "./quantities.ts";
import { Secret } from "./secrets.ts";

/** A model a node is to offer, however it was written down. */
export interface ConfiguredModel {
  readonly pipeline: PipelineName;
  readonly model: ModelId;
  /** In memory from the start, and never evicted. */
  readonly isWarm: boolean;
  /** Jobs at once. */
  readonly slots: number;
  /** Directory of the weights, where it is not below the directory of all models. */
  readonly directory?: string;
  /** An external runner that has the model. */
  readonly endpoint?: ModelEndpoint;
  /** Names of settings of other runners, which ours has no use for. */
  readonly unusedFlags?: readonly string[];
  /** What gateways pay, the default row first. Off-chain nodes ignore it. */
  readonly prices: readonly ModelPrice[];
}

export interface ModelEndpoint {
  readonly url: URL;
  readonly token?: Secret;
  readonly speaks: RunnerInterface;
  /** What the server calls the model, where that differs. */
  readonly upstream?: string;
}

export interface ModelPrice {
  /** The address the row holds for, or `default`. */
  readonly gateway: string;
  /** In `currency`, for one unit of the pipeline's work. */
  readonly perUnit: Rational;
  /** `WEI`, `ETH` or a symbol of the price feed. */
  readonly currency: string;
  /** Whether the row said for how many units it is; else it is for as many as the node's prices are. */
  readonly saidUnits: boolean;
}

export interface ConfigProblem {
  readonly path: string;
  readonly message: string;
}

/** An aiModels.json of a node that offers every model of its pipelines is far shorter. */
const MAX_TEXT = 1024 * 1024;
const MAX_ENTRIES = 1000;

/**
 * Reads what operators write for `-aiModels`: the text of an aiModels.json, or `pipeline:model:warm,…`.
 *
 * Prices may be numbers or strings with a currency; the same model twice is an error, unless the second entry is a price
 * for another gateway. Throws `config.invalid` with every problem at once, paths beginning with `path`.
 * Source: runner-and-models 4.1 and 4.2.
 */
export function parseAiModels(text: string, path = "aiModels"): readonly ConfiguredModel[] {
  const problems: ConfigProblem[] = [];
  if (text.length > MAX_TEXT) throw invalid([{ path, message: `longer than ${MAX_TEXT} characters` }]);
  const entries = text.trimStart().startsWith("[")
    ? jsonEntries(text, path, problems)
    : inlineEntries(text, path, problems);
  const models = merge(entries, problems);
  if (problems.length > 0) throw invalid(problems);
  return models;
}

/** Puts models of two sources together. One model named in both is an error: neither is sure to be meant. */
export function combineModels(
  document: readonly ConfiguredModel[],
  aiModels: readonly ConfiguredModel[],
  path: string,
): readonly ConfiguredModel[] {
  const problems = aiModels
    .filter((model) => document.some((other) => isSame(model, other)))
    .map((model) => ({
      path,
      message: `${model.pipeline} with ${model.model} is named in the config file and in aiModels: keep one`,
    }));
  if (problems.length > 0) throw invalid(problems);
  return [...document, ...aiModels];
}

interface Entry {
  readonly path: string;
  readonly gateway: string;
  readonly model: ConfiguredModel;
}

/** A number kept as it was written: 1.9073484e-08 has no exact binary form, and a price is exact. */
type Written = { readonly written: string };

const written = z.union([
  z.string().transform((text) => text.trim()),
  z
    .custom<Written>((value) => value !== null && typeof value === "object" && "written" in value)
    .transform((n) => n.written),
]);

const wholeNumber = written.transform((text, context) => {
  const exact = findDecimal(text);
  const value = exact?.denominator === 1n ? Number(exact.numerator) : undefined;
  if (value !== undefined && Number.isSafeInteger(value)) return value;
  context.addIssue({ code: "custom", message: `${text} is not a whole number` });
  return z.NEVER;
});

const absent = z.null().transform(() => undefined);

/** Unknown fields are ignored, as the file is shared with other programs. */
const entrySchema = z.object({
  pipeline: z.string(),
  model_id: z.string().min(1),
  url: z.union([z.string(), absent]).optional(),
  token: z.union([z.string(), absent]).optional(),
  warm: z.union([z.boolean(), absent]).optional(),
  capacity: z.union([wholeNumber, absent]).optional(),
  gateway: z.union([z.string(), absent]).optional(),
  price_per_unit: z.union([written, absent]).optional(),
  pixels_per_unit: z.union([wholeNumber, absent]).optional(),
  currency: z.union([z.string(), absent]).optional(),
  optimization_flags: z.union([z.record(z.string(), z.unknown()), absent]).optional(),
  /** Ours: the directory of the weights. */
  repo: z.union([z.string(), absent]).optional(),
  /** Ours: what runs the model, and what it is called there. */
  runtime: z.union([z.string(), absent]).optional(),
  upstream_model: z.union([z.string(), absent]).optional(),
});

type WrittenEntry = z.output<typeof entrySchema>;

function jsonEntries(text: string, path: string, problems: ConfigProblem[]): readonly Entry[] {
  const list = exactJson(text);
  if (!Array.isArray(list)) {
    problems.push({ path, message: "is not a JSON array of models" });
    return [];
  }
  if (list.length > MAX_ENTRIES) {
    problems.push({ path, message: `more than ${MAX_ENTRIES} entries` });
    return [];
  }
  return list.flatMap((item, index) => {
    const at = `${path}[${index}]`;
    const parsed = entrySchema.safeParse(item);
    if (parsed.success) return entryOf(parsed.data, at, problems);
    for (const issue of parsed.error.issues)
      problems.push({ path: [at, ...issue.path.map(String)].join("."), message: issue.message });
    return [];
  });
}

const TRUE = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE = new Set(["0", "f", "F", "FALSE", "false", "False"]);

/** `pipeline:model:warm`, comma separated. What follows a third colon is ignored. */
function inlineEntries(text: string, path: string, problems: ConfigProblem[]): readonly Entry[] {
  const parts = text.split(",");
  if (parts.length > MAX_ENTRIES) {
    problems.push({ path, message: `more than ${MAX_ENTRIES} entries` });
    return [];
  }
  return parts.flatMap((part, index) => {
    const at = `${path}[${index}]`;
    const [pipeline, model, warm] = part.trim().split(":");
    if (pipeline === undefined || model === undefined || model === "" || warm === undefined) {
      problems.push({ path: at, message: "expected PIPELINE:MODEL:WARM, or the path of a JSON file" });
      return [];
    }
    if (!TRUE.has(warm) && !FALSE.has(warm)) {
      problems.push({ path: at, message: `warm is true or false, not "${warm}"` });
      return [];
    }
    return entryOf({ pipeline, model_id: model, warm: TRUE.has(warm) }, at, problems);
  });
}

function entryOf(entry: WrittenEntry, path: string, problems: ConfigProblem[]): readonly Entry[] {
  const before = problems.length;
  const { pipeline } = entry;
  if (!isPipelineName(pipeline)) {
    problems.push({
      path: `${path}.pipeline`,
      message: `no pipeline is called "${pipeline}"${suggestion(pipeline, pipelineNames)}`,
    });
    return [];
  }
  const url = entry.url === undefined || entry.url === "" ? undefined : URL.parse(entry.url);
  if (url === null) problems.push({ path: `${path}.url`, message: `"${entry.url}" is not a URL` });
  const slots = entry.capacity === undefined || entry.capacity === 0 ? 1 : entry.capacity;
  if (slots > MAX_SLOTS) problems.push({ path: `${path}.capacity`, message: `at most ${MAX_SLOTS}` });
  const gateway = entry.gateway === undefined || entry.gateway === "" ? "default" : entry.gateway;
  const prices = pricesOf(entry, gateway, path, problems);
  const endpoint = url === undefined || url === null ? undefined : endpointOf(entry, url, path);
  problems.push(...runtimeProblems(entry, endpoint, path));
  if (problems.length > before) return [];
  const model: ConfiguredModel = {
    pipeline,
    model: modelId(entry.model_id),
    isWarm: entry.warm ?? false,
    slots,
    prices,
    ...(entry.repo === undefined || entry.repo === "" ? {} : { directory: entry.repo }),
    ...(endpoint !== undefined && { endpoint }),
    ...(entry.optimization_flags !== undefined && { unusedFlags: Object.keys(entry.optimization_flags) }),
  };
  return [{ path, gateway, model }];
}

/** What an operator may say that runs a model, and how it is spoken to. Source: runner-and-models 4.4, 5.4. */
const interfaces: Readonly<Record<string, RunnerInterface>> = {
  external: "runner",
  openai: "openai",
  ollama: "ollama",
};
const NATIVE = "native";

function endpointOf({ runtime, token, upstream_model: upstream }: WrittenEntry, url: URL, path: string): ModelEndpoint {
  // By their addresses, servers with the interface of OpenAI's are known.
  const told = interfaces[runtime ?? ""] ?? (/\/v1\/?$/.test(url.pathname) ? "openai" : "runner");
  return {
    url,
    speaks: told,
    ...(token !== undefined && token !== "" && { token: new Secret(token, `${path}.token`) }),
    ...(upstream !== undefined && upstream !== "" && { upstream }),
  };
}

function runtimeProblems(
  { pipeline, runtime, upstream_model: upstream, url }: WrittenEntry,
  endpoint: ModelEndpoint | undefined,
  path: string,
): readonly ConfigProblem[] {
  const at = `${path}.runtime`;
  const known = [NATIVE, ...Object.keys(interfaces)];
  if (runtime !== undefined && !known.includes(runtime))
    return [{ path: at, message: `"${runtime}" is none of ${known.join(", ")}${suggestion(runtime, known)}` }];
  const hasUrl = url !== undefined && url !== "";
  if (runtime === NATIVE && hasUrl) return [{ path: at, message: "what has a url is not run here" }];
  if (runtime !== undefined && runtime !== NATIVE && !hasUrl) return [{ path: at, message: `${runtime} needs a url` }];
  const isServer = endpoint !== undefined && endpoint.speaks !== "runner";
  if (isServer && pipeline !== "llm") return [{ path: at, message: `${endpoint.speaks} has no ${pipeline}, only llm` }];
  if (upstream !== undefined && upstream !== "" && !isServer)
    return [{ path: `${path}.upstream_model`, message: "only models of openai and ollama have names of their own" }];
  return [];
}

/** More jobs at once than one model serves on any machine. */
const MAX_SLOTS = 1024;

const PRICE = /^(\d{1,40}(?:\.\d{0,40})?(?:[eE][+-]?\d{1,3})?)\s*([A-Za-z][A-Za-z0-9]{0,15})?$/;

function pricesOf(
  entry: WrittenEntry,
  gateway: string,
  path: string,
  problems: ConfigProblem[],
): readonly ModelPrice[] {
  if (entry.price_per_unit === undefined) return [];
  const [, amount, inside] = PRICE.exec(entry.price_per_unit) ?? [];
  const value = amount === undefined ? undefined : findDecimal(amount);
  const per = entry.pixels_per_unit ?? 1;
  if (value === undefined) {
    problems.push({
      path: `${path}.price_per_unit`,
      message: `"${entry.price_per_unit}" is not a price: a number of 0 or more, with or without a currency`,
    });
    return [];
  }
  if (per < 1) {
    problems.push({ path: `${path}.pixels_per_unit`, message: "must be a whole number of 1 or more" });
    return [];
  }
  const stated = entry.currency === undefined || entry.currency === "" ? undefined : entry.currency.toUpperCase();
  if (stated !== undefined && inside !== undefined && inside.toUpperCase() !== stated) {
    problems.push({
      path: `${path}.currency`,
      message: `the price says ${inside}, the currency says ${entry.currency}`,
    });
    return [];
  }
  return [
    {
      gateway,
      perUnit: value.times(Rational.of(1n, BigInt(per))),
      currency: stated ?? inside?.toUpperCase() ?? "WEI",
      saidUnits: entry.pixels_per_unit !== undefined,
    },
  ];
}

function merge(entries: readonly Entry[], problems: ConfigProblem[]): readonly ConfiguredModel[] {
  const merged = new Map<string, ConfiguredModel>();
  const rows = new Set<string>();
  for (const { path, gateway, model } of entries) {
    const key = `${model.pipeline} ${model.model}`;
    const first = merged.get(key);
    if (rows.has(`${key} ${gateway}`)) {
      problems.push({
        path,
        message: `${model.pipeline} with ${model.model} is named twice: use capacity for several slots`,
      });
    } else if (first !== undefined && first.isWarm !== model.isWarm) {
      problems.push({ path, message: `${model.pipeline} with ${model.model} is both warm and cold` });
    }
    rows.add(`${key} ${gateway}`);
    merged.set(key, first === undefined ? model : { ...first, prices: [...first.prices, ...model.prices] });
  }
  return [...merged.values()];
}

function isSame(one: ConfiguredModel, other: ConfiguredModel): boolean {
  return one.pipeline === other.pipeline && one.model === other.model;
}

function invalid(problems: readonly ConfigProblem[]): RivuletError<"config.invalid"> {
  return new RivuletError("config.invalid", { problems });
}
