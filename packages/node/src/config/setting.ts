import { type Address, address } from "@rivulet/crypto";
import { type Milliseconds, type ServiceUri, serviceUri } from "@rivulet/primitives";
import { z } from "zod";
import { findBytes, findDecimal, findDuration, findMoney, findWei, type Money } from "./quantities.ts";
import { resolveSecret, Secret, type Surroundings } from "./secrets.ts";

/**
 * How the text after a flag becomes a value of the document. A switch may stand alone; a bare number of `wei` or `seconds`
 * gets its unit, as operators of other nodes write none; `endpoints` are URLs, which may hold a key.
 */
export type FlagForm =
  | "text"
  | "path"
  | "file-or-text"
  | "list"
  | "number"
  | "switch"
  | "secret"
  | "json"
  | "wei"
  | "seconds"
  | "endpoints";

/** What an operator is told about a setting. */
export interface Told {
  /** The flag that sets it, without its dash: go-livepeer's name where it has one. */
  readonly flag: string;
  readonly form: FlagForm;
  /** One sentence, lower-case, without a full stop. */
  readonly help: string;
  /** The default as a person would write it. Absent when the setting may be absent. */
  readonly standard?: string;
}

/** What is told about each setting's schema: the source of flags, `--help` and the reference page. */
export const settings = z.registry<Told>();

/** Where a node listens. */
export interface ListenAddress {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

export function text(flag: string, help: string) {
  return z.string().min(1).optional().register(settings, { flag, form: "text", help });
}

export function list(flag: string, help: string) {
  return z.array(z.string()).default([]).register(settings, { flag, form: "list", help });
}

/** The path of a file, or what would stand in it. */
export function fileOrText(flag: string, help: string) {
  return z.string().min(1).optional().register(settings, { flag, form: "file-or-text", help });
}

export function choice<const T extends readonly [string, ...string[]]>(
  flag: string,
  help: string,
  of: T,
  standard: T[number],
) {
  const told = `${help} (${of.join(", ")})`;
  return z.enum(of).prefault(standard).register(settings, { flag, form: "text", help: told, standard });
}

/** The number of one GPU. Lists of them are refused: a node for each keeps its memory and its jobs apart. */
export function gpuNumber(flag: string, help: string) {
  const number = z.union([z.number(), z.string()]).transform((value, context) => {
    if (/^\d{1,3}$/.test(`${value}`)) return Number(value);
    context.addIssue({
      code: "custom",
      message: `"${value}" is not the number of one GPU: start a worker for each, with -nvidia 0, -nvidia 1 and so on`,
    });
    return z.NEVER;
  });
  return number.optional().register(settings, { flag, form: "text", help });
}

/** A choice of networks, by our names or by those of other nodes. */
export function networkName(flag: string, help: string, of: readonly [string, ...string[]], standard: string) {
  const told = `${help} (${of.join(", ")})`;
  const named = z.preprocess((value) => (value === "arbitrum-one-mainnet" ? "arbitrum-one" : value), z.enum(of));
  return named.prefault(standard).register(settings, { flag, form: "text", help: told, standard });
}

/** A number that need not be whole, of 0 or more. */
export function fraction(flag: string, help: string) {
  return z.number().min(0).max(1e18).optional().register(settings, { flag, form: "number", help });
}

/** How many units of work a price is for: a whole number, as `1000000` or `1e12`. */
export function unitCount(flag: string, help: string) {
  const count = z.union([z.number(), z.string()]).transform((value, context): bigint => {
    const found = findDecimal(`${value}`);
    if (found !== undefined && found.denominator === 1n && found.numerator > 0n) return found.numerator;
    context.addIssue({ code: "custom", message: `"${value}" is not a whole number of 1 or more` });
    return z.NEVER;
  });
  return count.prefault(1).register(settings, { flag, form: "text", help, standard: "1" });
}

export function flagSwitch(flag: string, help: string, standard = false) {
  return z
    .boolean()
    .default(standard)
    .register(settings, { flag, form: "switch", help, standard: `${standard}` });
}

export function whole(flag: string, help: string, standard: number, [least, most]: readonly [number, number]) {
  return z
    .int()
    .min(least)
    .max(most)
    .default(standard)
    .register(settings, { flag, form: "number", help, standard: `${standard}` });
}

export const durationText = z.string().transform((value, context): Milliseconds => {
  const found = findDuration(value);
  if (found !== undefined) return found;
  context.addIssue({
    code: "custom",
    message: `"${value}" is not a duration: write it with its unit, such as 250ms or 2min`,
  });
  return z.NEVER;
});

export function duration(flag: string, help: string, standard: string) {
  return durationText.prefault(standard).register(settings, { flag, form: "text", help, standard });
}

/** A duration that a flag may give as bare seconds. */
export function secondsOr(flag: string, help: string, standard?: string) {
  const told = { flag, form: "seconds", help, ...(standard === undefined ? {} : { standard }) } as const;
  return durationText.optional().register(settings, told);
}

const weiText = z.string().transform((value, context): bigint => {
  const found = findWei(value);
  if (found !== undefined) return found;
  context.addIssue({
    code: "custom",
    message: `"${value}" is not an amount: write it with its unit, such as 0.3 gwei or 0.01 ETH`,
  });
  return z.NEVER;
});

export function wei(flag: string, help: string, standard: string) {
  return weiText.prefault(standard).register(settings, { flag, form: "wei", help, standard });
}

/** An amount that may be absent. */
export function weiOr(flag: string, help: string) {
  return weiText.optional().register(settings, { flag, form: "wei", help });
}

export const moneyText = z.string().transform((value, context): Money => {
  const found = findMoney(value);
  if (found !== undefined) return found;
  context.addIssue({
    code: "custom",
    message: `"${value}" is not a price: write it with its currency, such as 120 gwei or 0.08 USD`,
  });
  return z.NEVER;
});

/** A price for so many units as another setting says. */
export function moneyOr(flag: string, help: string) {
  return moneyText.optional().register(settings, { flag, form: "wei", help });
}

export const accountText = z.string().transform((value, context): Address => {
  try {
    return address(value);
  } catch {
    context.addIssue({ code: "custom", message: `"${value}" is not an account: write 0x and 40 hex digits` });
    return z.NEVER;
  }
});

/** An account of the chain, or a contract of it. */
export function account(flag: string, help: string) {
  return accountText.optional().register(settings, { flag, form: "text", help });
}

/** URLs of one service. They may hold a key: shown they are only their origin, and a document refers to them. */
export function endpoints(flag: string, help: string, surroundings: Surroundings) {
  return z
    .array(z.union([z.instanceof(Secret), endpointText(surroundings)]))
    .default([])
    .register(settings, { flag, form: "endpoints", help });
}

function endpointText(surroundings: Surroundings) {
  return z.string().transform((value, context): Secret => {
    const told = /^(?:env|file):/.test(value) ? resolveSecret(value, surroundings) : openEndpoint(value);
    const problem = told instanceof Secret ? endpointProblem(told.reveal()) : told.problem;
    if (told instanceof Secret && problem === undefined) return told;
    context.addIssue({ code: "custom", message: problem ?? "" });
    return z.NEVER;
  });
}

/** A URL in a document that has room for no key. */
function openEndpoint(value: string): Secret | { readonly problem: string } {
  const parsed = URL.parse(value);
  const isOpen = parsed !== null && `${parsed.origin}/` === parsed.href;
  return isOpen || parsed === null
    ? new Secret(value, value)
    : { problem: "a URL with a path, a query or a password may hold a key: write it as env:NAME or file:PATH" };
}

function endpointProblem(value: string): string | undefined {
  const protocol = URL.parse(value)?.protocol ?? "";
  return /^https?:$/.test(protocol)
    ? undefined
    : "an endpoint is an http or https URL: the head is asked for, not subscribed to";
}

const byteText = z.string().transform((value, context): number => {
  const found = findBytes(value);
  if (found !== undefined) return found;
  context.addIssue({
    code: "custom",
    message: `"${value}" is not an amount of bytes: write it with its unit, such as 4 GiB`,
  });
  return z.NEVER;
});

export function bytes(flag: string, help: string, standard: string) {
  return byteText.prefault(standard).register(settings, { flag, form: "text", help, standard });
}

/** An amount of bytes whose default depends on the machine. */
export function bytesOr(flag: string, help: string) {
  return byteText.optional().register(settings, { flag, form: "text", help });
}

export function listenAddress(flag: string, help: string, standard: string) {
  return listenText.prefault(standard).register(settings, { flag, form: "text", help, standard });
}

/** A listening address whose default depends on other settings. */
export function listenAddressOr(flag: string, help: string) {
  return listenText.optional().register(settings, { flag, form: "text", help });
}

const listenText = z.string().transform((value, context): ListenAddress => {
  const found = findListenAddress(value);
  if (found !== undefined) return found;
  context.addIssue({
    code: "custom",
    message: `"${value}" is not a listening address: write HOST:PORT, such as 127.0.0.1:8935`,
  });
  return z.NEVER;
});

/** Reads `host:port`, `:port` (every interface), `[v6]:port` and a bare port. */
export function findListenAddress(value: string): ListenAddress | undefined {
  const [, bracketed, host, port] = /^(?:\[([\da-fA-F:.]{2,45})\]:|([\w.-]{0,253}):)?(\d{1,5})$/.exec(value) ?? [];
  if (port === undefined || Number(port) > 65_535) return undefined;
  return { host: bracketed ?? (host === undefined || host === "" ? "0.0.0.0" : host), port: Number(port) };
}

export function url(flag: string, help: string) {
  return urlText.optional().register(settings, { flag, form: "text", help });
}

const urlText = z.string().transform((value, context): URL => {
  const parsed = URL.parse(value);
  if (parsed !== null && /^https?:$/.test(parsed.protocol)) return parsed;
  context.addIssue({ code: "custom", message: `"${value}" is not an http or https URL` });
  return z.NEVER;
});

/** The address of an orchestrator; `https` unless it says otherwise. */
export function peer(flag: string, help: string) {
  return peerText.optional().register(settings, { flag, form: "text", help });
}

export function peers(flag: string, help: string) {
  return z.array(peerText).default([]).register(settings, { flag, form: "list", help });
}

const peerText = z.string().transform((value, context): ServiceUri => {
  try {
    return serviceUri(value.trim());
  } catch {
    context.addIssue({
      code: "custom",
      message: `"${value}" is not the address of an orchestrator: write HOST:PORT or a URL`,
    });
    return z.NEVER;
  }
});

/** A path, made absolute. */
export function path(flag: string, help: string, surroundings: Surroundings, standard: string) {
  return pathText(surroundings).prefault(standard).register(settings, { flag, form: "path", help, standard });
}

/** A path that may be absent. */
export function pathOr(flag: string, help: string, surroundings: Surroundings) {
  return pathText(surroundings).optional().register(settings, { flag, form: "path", help });
}

function pathText(surroundings: Surroundings) {
  return z
    .string()
    .min(1)
    .transform((value) => surroundings.resolvePath(value));
}

/** A secret by reference. A flag may also give the secret itself, as operators are used to; a document may not. */
export function secret(flag: string, help: string, surroundings: Surroundings) {
  const schema = z.union([z.instanceof(Secret), secretReference(surroundings)]);
  return schema.optional().register(settings, { flag, form: "secret", help });
}

/** `file:PATH` or `env:NAME`, and what stands there. */
export function secretReference(surroundings: Surroundings) {
  return z.string().transform((value, context): Secret => {
    const found = resolveSecret(value, surroundings);
    if (found instanceof Secret) return found;
    context.addIssue({ code: "custom", message: found.problem });
    return z.NEVER;
  });
}
