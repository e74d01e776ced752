import {
  type ErrorCode,
  type ErrorFactsByCode,
  type FieldProblem,
  isErrorCode,
  RivuletError,
} from "@rivulet/primitives";
import { toldText } from "./told-text.ts";

/** Of a text that was told, the beginning. */
const MAX_TEXT_LENGTH = 1000;
/** Of a list that was told, the first. */
const MAX_ENTRIES = 100;

/**
 * The error in a body that one of our own nodes wrote (`errorBody`): its code with the facts that the code has, each cut to
 * a readable length. `undefined` for any other text, for facts that are not those of the code, and for errors that are the
 * business of nobody but the node that had them.
 */
export function readErrorBody(text: string): RivuletError | undefined {
  try {
    const { error } = membersOf(JSON.parse(text));
    const { code, facts } = membersOf(error);
    if (typeof code !== "string" || !isErrorCode(code) || isOwnBusiness(code)) return undefined;
    const told = membersOf(facts);
    return hasForm(code) ? forms[code](told) : new RivuletError(code, reasonIn(told));
  } catch {
    // Whatever it is, it is not what we write.
    return undefined;
  }
}

type Told = Readonly<Record<string, unknown>>;
/** Codes of what a node has to do with its chain, its database and its configuration. */
type OwnBusiness = Extract<ErrorCode, `${"chain" | "config" | "network" | "store"}.${string}`>;
type WithForm = Exclude<keyof ErrorFactsByCode, OwnBusiness>;

function isOwnBusiness(code: ErrorCode): code is OwnBusiness {
  return /^(chain|config|network|store)\./.test(code);
}

function hasForm(code: Exclude<ErrorCode, OwnBusiness>): code is WithForm {
  return Object.hasOwn(forms, code);
}

/** Facts of codes that have more than a reason. Each throws when a fact is not what it should be. */
const forms: { readonly [C in WithForm]: (told: Told) => RivuletError<C> } = {
  "request.invalid": (told) => new RivuletError("request.invalid", { problems: listOf(told, "problems", problemOf) }),
  "request.rejected-by-model": (told) =>
    new RivuletError("request.rejected-by-model", { ...fieldIn(told), ...reasonIn(told) }),
  "request.media-undecodable": (told) =>
    new RivuletError("request.media-undecodable", { field: textOf(told, "field"), reason: textOf(told, "reason") }),
  "request.media-unsupported": (told) =>
    new RivuletError("request.media-unsupported", { field: textOf(told, "field"), reason: textOf(told, "reason") }),
  "request.too-large": (told) =>
    new RivuletError("request.too-large", { limitBytes: countOf(told, "limitBytes"), ...fieldIn(told) }),
  "model.not-offered": (told) =>
    new RivuletError("model.not-offered", { ...modelIn(told), offered: listOf(told, "offered", asText) }),
  "model.unknown": (told) =>
    new RivuletError("model.unknown", { ...modelIn(told), offered: listOf(told, "offered", asText) }),
  "model.load-failed": (told) =>
    new RivuletError("model.load-failed", { ...modelIn(told), reason: textOf(told, "reason") }),
  "capacity.exhausted": (told) => new RivuletError("capacity.exhausted", modelIn(told)),
  "job.deadline-exceeded": (told) => new RivuletError("job.deadline-exceeded", { limitMs: countOf(told, "limitMs") }),
  "peer.unreachable": (told) => new RivuletError("peer.unreachable", reasonIn(told)),
};

function modelIn(told: Told): { readonly pipeline: string; readonly model: string } {
  return { pipeline: textOf(told, "pipeline"), model: textOf(told, "model") };
}

function fieldIn(told: Told): { readonly field?: string } {
  return told["field"] === undefined ? {} : { field: textOf(told, "field") };
}

function reasonIn(told: Told): { readonly reason?: string } {
  return told["reason"] === undefined ? {} : { reason: textOf(told, "reason") };
}

function problemOf(value: unknown): FieldProblem {
  const problem = membersOf(value);
  return { loc: listOf(problem, "loc", asStep), msg: textOf(problem, "msg"), type: textOf(problem, "type") };
}

function listOf<T>(told: Told, name: string, entryOf: (value: unknown) => T): readonly T[] {
  const value = told[name];
  if (!Array.isArray(value)) throw new TypeError(name);
  return value.slice(0, MAX_ENTRIES).map((entry: unknown) => entryOf(entry));
}

function textOf(told: Told, name: string): string {
  return asText(told[name]);
}

function countOf(told: Told, name: string): number {
  const value = told[name];
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw new TypeError(name);
  return value;
}

function asText(value: unknown): string {
  if (typeof value !== "string") throw new TypeError("not a text");
  return toldText(value, MAX_TEXT_LENGTH);
}

function asStep(value: unknown): string | number {
  return Number.isSafeInteger(value) ? Number(value) : asText(value);
}

function membersOf(value: unknown): Told {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
