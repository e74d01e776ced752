import { jsonBody } from "@rivulet/primitives";

/** JSON as the network's nodes write it, to be sent: safe inside a page, with a line break at the end. */
export function networkJson(value: unknown): string | Uint8Array {
  return jsonBody(value, { write: safeJson, end: "\n" });
}

function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const UNSAFE = /[<>&\u2028\u2029]/g;
