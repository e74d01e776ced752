import { z } from "zod";
import type { ConfigProblem } from "./ai-models.ts";
import { suggestion } from "./nearest.ts";
import { findText, Secret, type Surroundings } from "./secrets.ts";
import { settings, type Told } from "./setting.ts";

/** A setting and where it stands in the document, such as `gateway.httpAddr`. */
export interface FlaggedSetting extends Told {
  readonly path: readonly string[];
}

/** The settings of some sections of the document, in the order they are written there. */
export function flaggedSettings(document: z.ZodObject, sections: readonly string[]): readonly FlaggedSetting[] {
  const found: FlaggedSetting[] = [];
  for (const [key, schema] of Object.entries(document.shape)) {
    const told = isSchema(schema) ? settings.get(schema) : undefined;
    if (told !== undefined) found.push({ ...told, path: [key] });
  }
  for (const section of sections) {
    const schema = sectionOf(document, section);
    for (const [key, field] of Object.entries(schema?.shape ?? {})) {
      const told = isSchema(field) ? settings.get(field) : undefined;
      if (told !== undefined) found.push({ ...told, path: [section, key] });
    }
  }
  return found;
}

/** The object below a key, looked through defaults and options. */
export function sectionOf(document: z.ZodObject, key: string): z.ZodObject | undefined {
  let schema: unknown = document.shape[key];
  while (schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault || schema instanceof z.ZodOptional)
    schema = schema.unwrap();
  return schema instanceof z.ZodObject ? schema : undefined;
}

function isSchema(value: unknown): value is z.ZodType {
  return value instanceof z.ZodType;
}

/** A value from a flag, for one place in the document. */
export interface FlagValue {
  readonly flag: string;
  readonly path: readonly string[];
  readonly value: unknown;
}

export interface ParsedFlags {
  readonly values: readonly FlagValue[];
  /** The file after `-config`. */
  readonly config?: string;
  readonly asksForHelp: boolean;
  readonly problems: readonly ConfigProblem[];
  /** Flags of the caller's own, by name. */
  readonly own: ReadonlyMap<string, string | boolean>;
}

/** A flag that is not a setting: it belongs to one command. */
export interface OwnFlag {
  readonly flag: string;
  readonly form: "text" | "switch";
  readonly help: string;
}

/**
 * Reads a command line in the manner of go-livepeer: `-flag value`, `-flag=value`, `--flag …`; a switch may stand alone.
 * Names are exact; a wrong one is a problem that names the nearest right one.
 */
export function parseFlags(
  argv: readonly string[],
  known: readonly FlaggedSetting[],
  surroundings: Surroundings,
  own: readonly OwnFlag[] = [],
): ParsedFlags {
  const values: FlagValue[] = [];
  const problems: ConfigProblem[] = [];
  const ownValues = new Map<string, string | boolean>();
  const names = [...new Set([...known.map(({ flag }) => flag), ...own.map(({ flag }) => flag), "config", "help"])];
  let config: string | undefined;
  let asksForHelp = false;

  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? "";
    const [, name, attached] = /^--?([^=-][^=]*)(?:=([\s\S]*))?$/.exec(argument) ?? [];
    if (name === undefined) {
      problems.push({ path: argument, message: "is not a flag: flags begin with a dash" });
      continue;
    }
    if (name === "help" || name === "h") {
      asksForHelp = true;
      continue;
    }
    const targets = known.filter(({ flag }) => flag === name);
    const mine = own.find(({ flag }) => flag === name);
    const form = mine?.form ?? targets[0]?.form ?? (name === "config" ? "text" : undefined);
    if (form === undefined) {
      problems.push({
        path: `-${name}`,
        message: `there is no such flag${suggestion(name, names, "-")}${elsewhere(name)}`,
      });
      // Its value, if it has one, would only be a second problem.
      if (attached === undefined && isValue(argv[i + 1])) i += 1;
      continue;
    }
    const following = form === "switch" ? undefined : argv[i + 1];
    if (attached === undefined && form !== "switch") {
      if (following === undefined) {
        problems.push({ path: `-${name}`, message: "needs a value" });
        continue;
      }
      i += 1;
    }
    const text = attached ?? following;
    if (mine !== undefined) ownValues.set(name, form === "switch" ? (findSwitch(text) ?? true) : (text ?? ""));
    else if (name === "config") config = text;
    else if (targets.length > 1)
      problems.push({
        path: `-${name}`,
        message: `means several roles here: set ${targets.map((t) => t.path.join(".")).join(" and ")} in a config file`,
      });
    else
      for (const target of targets)
        values.push({ flag: name, path: target.path, value: valueFrom(target, text, surroundings) });
  }
  return { values, problems, asksForHelp, own: ownValues, ...(config === undefined ? {} : { config }) };
}

/** How a key of the document is written in the environment: `RIVULET__GATEWAY__HTTP_ADDR`. */
export function documentName(path: readonly string[]): string {
  return ["RIVULET", ...path.map((key) => key.replace(/[A-Z]/g, "_$&").toUpperCase())].join("__");
}

/**
 * What the environment says by the names of the document. What is not a setting's own text is JSON, such as a list of
 * models. Names that no section has are problems.
 */
export function documentOfEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  document: z.ZodObject,
  surroundings: Surroundings,
  problems: ConfigProblem[],
): readonly FlagValue[] {
  const places = new Map(placesOf(document).map((path) => [documentName(path), path]));
  const flagged = flaggedSettings(document, Object.keys(document.shape));
  return Object.entries(env).flatMap(([name, text]) => {
    if (text === undefined || !name.startsWith("RIVULET__")) return [];
    const path = places.get(name);
    if (path === undefined) {
      problems.push({ path: name, message: `there is no such setting${suggestion(name, [...places.keys()])}` });
      return [];
    }
    const told = flagged.find((setting) => setting.path.join(".") === path.join("."));
    if (told?.form === "secret" && !/^(?:env|file):/.test(text))
      return [{ flag: name, path, value: new Secret(text, `env:${name}`) }];
    return [
      {
        flag: name,
        path,
        value: told === undefined ? jsonOf(text, surroundings) : valueFrom(told, text, surroundings),
      },
    ];
  });
}

/** Every key of the document, and every key of its sections. */
function placesOf(document: z.ZodObject): readonly (readonly string[])[] {
  return Object.keys(document.shape).flatMap((key) => {
    const section = sectionOf(document, key);
    return section === undefined ? [[key]] : Object.keys(section.shape).map((inner) => [key, inner]);
  });
}

/** What the environment says: `LP_` and a flag's name in capitals. */
export function flagsOfEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  known: readonly FlaggedSetting[],
  surroundings: Surroundings,
): readonly FlagValue[] {
  return known.flatMap((setting) => {
    const text = env[environmentName(setting.flag)];
    return text === undefined
      ? []
      : [{ flag: setting.flag, path: setting.path, value: valueFrom(setting, text, surroundings) }];
  });
}

export function environmentName(flag: string): string {
  return `LP_${flag.toUpperCase()}`;
}

/** Reads go-livepeer's plain flag file, a `flag value` a line, into a command line. `#` begins a comment. */
export function flagFileArguments(text: string): readonly string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [, name = line, value] = /^(\S+?)(?:\s+|=)([\s\S]*)$/.exec(line) ?? [];
      return value === undefined ? `-${name}` : `-${name}=${value}`;
    });
}

function valueFrom(setting: FlaggedSetting, text: string | undefined, surroundings: Surroundings): unknown {
  switch (setting.form) {
    case "switch":
      return findSwitch(text) ?? text;
    case "number":
      return text === undefined || text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text);
    case "list":
      return (text ?? "").split(",").filter((part) => part.trim() !== "");
    case "wei":
      return /^\d+(?:\.\d+)?$/.test(text ?? "") ? `${text} wei` : text;
    case "seconds":
      return /^\d+$/.test(text ?? "") ? `${text}s` : text;
    case "endpoints":
      return (text ?? "")
        .split(",")
        .filter((part) => part.trim() !== "")
        .map((part) => endpointOf(part.trim()));
    case "secret":
      return secretOf(text ?? "", setting.flag, surroundings);
    case "json":
      return jsonOf(text ?? "", surroundings);
    case "path":
      return text === undefined || text === "" ? text : surroundings.resolvePath(text);
    case "file-or-text":
      return findText(text ?? "", surroundings) === undefined ? text : surroundings.resolvePath(text ?? "");
    case "text":
      return text;
  }
}

const SWITCH: Readonly<Record<string, boolean>> = {
  true: true,
  "1": true,
  t: true,
  false: false,
  "0": false,
  f: false,
};

function findSwitch(text: string | undefined): boolean | undefined {
  return text === undefined ? true : SWITCH[text.toLowerCase()];
}

/** A reference stays one; else the content of a file of that name, as operators know it; else the secret itself. */
function secretOf(text: string, flag: string, surroundings: Surroundings): string | Secret {
  if (text.startsWith("file:") || text.startsWith("env:") || text === "") return text;
  const content = findText(text, surroundings);
  return content === undefined ? new Secret(text, `-${flag}`) : new Secret(content.trim(), `file:${text}`);
}

/** A reference stays one; a URL is kept like a secret, known by where it goes. */
function endpointOf(text: string): string | Secret {
  const parsed = URL.parse(text);
  if (parsed === null || /^(?:env|file):/.test(text)) return text;
  return new Secret(text, `${parsed.origin}/` === parsed.href ? parsed.origin : `${parsed.origin}/…`);
}

function jsonOf(text: string, surroundings: Surroundings): unknown {
  try {
    return JSON.parse(/^\s*[[{]/.test(text) ? text : (findText(text, surroundings) ?? text));
  } catch {
    return text;
  }
}

function isValue(argument: string | undefined): boolean {
  return argument !== undefined && !argument.startsWith("-");
}

/** Why a flag of go-livepeer is not one of ours, for those an operator is likely to bring along. */
function elsewhere(flag: string): string {
  const found = foreign.find(({ flags }) => flags.test(flag));
  return found === undefined ? "" : ` (${found.why})`;
}

const foreign: readonly { readonly flags: RegExp; readonly why: string }[] = [
  { flags: /^reward$/, why: "rewards are called with rivulet round reward" },
  { flags: /^ignoreMaxPrice/, why: "a price above the maximum is never paid" },
  { flags: /^gasLimit$/, why: "gas limits are estimated for each transaction" },
  { flags: /^discoveryTimeout$/, why: "orchestrators are asked in the background: no job waits for them" },
  { flags: /^aiProcessingRetryTimeout$/, why: "each pipeline has a deadline for all attempts together" },
  { flags: /^(aiRunner|aiVerboseLogs)/, why: "models run in Rivulet's own runner, not in containers" },
  {
    flags:
      /^(transcoder|transcodingOptions|maxSessions|rtmpAddr|objectStore|recordStore|localVerify|hevc|currentManifest)/,
    why: "Rivulet does AI jobs only",
  },
];
