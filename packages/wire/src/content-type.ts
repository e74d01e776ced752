import { MAX_CONTENT_TYPE } from "./limits.ts";

/** A header value such as `multipart/mixed; boundary=b`, in parts. */
export interface HeaderValue {
  /** Lower case. */
  readonly value: string;
  /** By lower-case name. */
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;
const PARAMETER = /\s*;\s*(?:([!#$%&'*+.^_`|~0-9a-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*)))?/giy;

/** Reads a content type or disposition; `undefined` when it is not well formed. */
export function parseHeaderValue(text: string): HeaderValue | undefined {
  const semicolon = text.indexOf(";");
  const value = (semicolon < 0 ? text : text.slice(0, semicolon)).trim().toLowerCase();
  if (!value.split("/").every((part) => TOKEN.test(part))) return undefined;
  const parameters = new Map<string, string>();
  let at = semicolon < 0 ? text.length : semicolon;
  while (at < text.length && text.slice(at).trim() !== "") {
    PARAMETER.lastIndex = at;
    const match = PARAMETER.exec(text);
    if (match === null || match[0].length === 0) return undefined;
    const name = match[1]?.toLowerCase();
    if (name !== undefined) {
      if (parameters.has(name)) return undefined;
      parameters.set(name, match[2]?.replace(/\\(.)/g, "$1") ?? match[3] ?? "");
    }
    at = PARAMETER.lastIndex;
  }
  return { value, parameters };
}

/** Reads a content type; `undefined` when it is missing, not well formed or overlong. */
export function parseContentType(text: string | undefined): HeaderValue | undefined {
  return text === undefined || text.length > MAX_CONTENT_TYPE ? undefined : parseHeaderValue(text);
}
