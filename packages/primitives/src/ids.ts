import type { Branded } from "./brand.ts";
import type { Randomness } from "./randomness.ts";

/** Names one application request through its life. */
export type RequestId = Branded<string, "RequestId">;
/** A model's exact, case-sensitive name, such as `stabilityai/sd-turbo`. */
export type ModelId = Branded<string, "ModelId">;
/** An `http` or `https` base URL at which an orchestrator takes work, without a trailing slash. */
export type ServiceUri = Branded<string, "ServiceUri">;

export function modelId(text: string): ModelId {
  return text as ModelId;
}

/** 128 random bits in hex: unguessable, for names that grant access to something. */
export function randomId(randomness: Randomness): string {
  return hex(randomness.bytes(16));
}

/** 32 random bits in hex, the network's form of session, request and file names. */
export function shortId(randomness: Randomness): string {
  return hex(randomness.bytes(4));
}

export function requestId(randomness: Randomness): RequestId {
  return randomId(randomness) as RequestId;
}

/** Parses an absolute http(s) URL and drops a trailing slash. Throws `TypeError` for anything else. */
export function serviceUri(text: string): ServiceUri {
  const withScheme = /^https?:\/\//i.test(text) ? text : `https://${text}`;
  const url = new URL(withScheme);
  if (url.protocol !== "https:" && url.protocol !== "http:") throw new TypeError(`not an http or https URL: ${text}`);
  return `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, "")}` as ServiceUri;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += HEX[byte];
  return text;
}
