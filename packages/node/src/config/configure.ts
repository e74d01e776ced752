import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { RivuletError } from "@rivulet/primitives";
import { type FlaggedSetting, flaggedSettings, type OwnFlag, parseFlags } from "./flags.ts";
import { type Configuration, loadConfiguration, rolesInFile } from "./load.ts";
import { documentSchema, ROLES, type Role, type Settings, sectionsOf } from "./schema.ts";
import type { Surroundings } from "./secrets.ts";

/** What a command line asks for. */
export type Configured =
  | { readonly kind: "help"; readonly known: readonly FlaggedSetting[] }
  | {
      readonly kind: "configuration";
      readonly configuration: Configuration;
      /** Reads everything again. Throws `config.invalid`. */
      readonly again: () => Configuration;
      /** Files in which prices stand. */
      readonly priceFiles: readonly string[];
    };

/**
 * Reads a node's whole configuration: command line, environment, config file.
 *
 * `roles` are those of the command. When empty they are those switched on by go-livepeer's role flags, else the config
 * file's. Throws `config.invalid` with all problems.
 */
export function configure(roles: readonly Role[], argv: readonly string[]): Configured {
  const here = machineSurroundings(process.cwd());
  const asked = roles.length > 0 ? { roles, rest: argv } : takeRoleFlags(argv);
  const schema = documentSchema(here);
  // Which flags there are depends on the roles, and those may stand in the file that a flag names.
  const { config: file } = parseFlags(asked.rest, flaggedSettings(schema, sectionsOf(ROLES)), here);
  const stated = asked.roles.length > 0 || file === undefined ? asked.roles : rolesInFile(file, here);
  const known = flaggedSettings(schema, sectionsOf(stated.length > 0 ? stated : ROLES));
  const flags = parseFlags(asked.rest, known, here);
  if (flags.asksForHelp) return { kind: "help", known };
  const there = file === undefined ? here : { ...machineSurroundings(dirname(resolve(file))), readText: here.readText };
  const input = { roles: asked.roles, flags: flags.values, flagProblems: flags.problems };
  const again = () => loadConfiguration({ ...input, ...(file === undefined ? {} : { file }) }, there);
  const configuration = again();
  const priceFiles = filesOfPrices(configuration, file === undefined ? [] : [resolve(file)]);
  if (configuration.roles.length > 0) return { kind: "configuration", configuration, again, priceFiles };
  const message = `there is nothing to start: write roles: [${ROLES.join(", ")}] in the config file, those you want`;
  throw new RivuletError("config.invalid", { problems: [{ path: "roles", message }] });
}

/** What a command that is no node was told. */
export interface CommandSettings {
  readonly settings: Settings;
  readonly prices: Configuration["prices"];
  /** Its own flags, by name. */
  readonly own: ReadonlyMap<string, string | boolean>;
}

/** A command line of a command that is no node: `undefined` when it asks for help. */
export function configureCommand(
  argv: readonly string[],
  sections: readonly string[],
  own: readonly OwnFlag[],
): CommandSettings | undefined {
  const here = machineSurroundings(process.cwd());
  const known = flaggedSettings(documentSchema(here), sections);
  const flags = parseFlags(argv, known, here, own);
  if (flags.asksForHelp) return undefined;
  const there =
    flags.config === undefined
      ? here
      : { ...machineSurroundings(dirname(resolve(flags.config))), readText: here.readText };
  const { settings, prices } = loadConfiguration(
    {
      roles: [],
      sections,
      flags: flags.values,
      flagProblems: flags.problems,
      ...(flags.config === undefined ? {} : { file: flags.config }),
    },
    there,
  );
  return { settings, prices, own: flags.own };
}

/** The settings that such a command has besides its own flags, for its help. */
export function commandSettings(sections: readonly string[]): readonly FlaggedSetting[] {
  return flaggedSettings(documentSchema(machineSurroundings(process.cwd())), sections);
}

function filesOfPrices({ settings }: Configuration, files: readonly string[]): readonly string[] {
  const { orchestrator, gateway, signer } = settings;
  const named = [orchestrator.aiModels, orchestrator.gatewayPrices, gateway.maxPriceTable, signer.maxPriceTable];
  return [...files, ...named.filter((name) => name !== undefined && existsSync(name) && isAbsolute(name))].filter(
    (name) => name !== undefined,
  );
}

/** The process's own environment and files. Relative paths start at `directory`. */
export function machineSurroundings(directory: string): Surroundings {
  const home = homedir();
  const resolvePath = (path: string) => resolve(directory, path.startsWith("~/") ? join(home, path.slice(2)) : path);
  return { env: process.env, resolvePath, readText: (path) => readFileSync(path, "utf8") };
}

/**
 * The roles of a command line of go-livepeer, and the rest of it. `-aiWorker` beside `-orchestrator` is no role of its
 * own but a setting of the orchestrator.
 */
function takeRoleFlags(argv: readonly string[]): { readonly roles: readonly Role[]; readonly rest: readonly string[] } {
  const named = (argument: string) =>
    /^--?(gateway|broadcaster|orchestrator|aiWorker|redeemer|remoteSigner)(?:=true)?$/.exec(argument)?.[1];
  const switches = new Set(argv.map(named));
  const roles: Role[] = [];
  if (switches.has("gateway") || switches.has("broadcaster")) roles.push("gateway");
  if (switches.has("orchestrator")) roles.push("orchestrator");
  else if (switches.has("aiWorker")) roles.push("worker");
  if (switches.has("remoteSigner")) roles.push("signer");
  if (switches.has("redeemer")) roles.push("redeemer");
  const isSetting = (name: string | undefined) =>
    name === undefined || (name === "aiWorker" && switches.has("orchestrator"));
  return { roles, rest: argv.filter((argument) => isSetting(named(argument))) };
}
