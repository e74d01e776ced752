import { RivuletError } from "@rivulet/primitives";

/** A data URL in parts. */
export interface DataUrl {
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** The longest type and parameters before the comma; a type is never near this. */
const MAX_PREFIX_LENGTH = 256;
const BASE64 = ";base64";
const USUAL_TYPE = "text/plain";

/** Whether a url carries its content in itself. */
export function isDataUrl(url: string): boolean {
  return /^data:/i.test(url);
}

/**
 * Reads `data:<type>;base64,<data>`. Other encodings are refused: nobody sends binary files in them.
 *
 * Throws "request.media-undecodable" naming `field`, "request.too-large" when more than `maxBytes` are inside.
 */
export function parseDataUrl(url: string, options: { readonly maxBytes: number; readonly field?: string }): DataUrl {
  const { maxBytes, field = "url" } = options;
  const comma = url.slice(0, MAX_PREFIX_LENGTH).indexOf(",");
  const prefix = url.slice(0, Math.max(0, comma));
  if (!isDataUrl(url) || !prefix.toLowerCase().endsWith(BASE64)) throw undecodable(field, "not a base64 data URL");
  const length = decodedLength(url, comma + 1);
  if (length > maxBytes) throw new RivuletError("request.too-large", { limitBytes: maxBytes, field });
  const bytes = Buffer.from(url.slice(comma + 1), "base64");
  // The decoder skips what is no base64, which then shows in the length.
  if (bytes.length !== length) throw undecodable(field, "the base64 is damaged");
  const contentType = prefix.slice("data:".length, -BASE64.length).split(";")[0]?.trim().toLowerCase() || USUAL_TYPE;
  return { contentType, bytes };
}

/** Bytes as a data URL, in standard base64 with padding. */
export function toDataUrl(contentType: string, bytes: Uint8Array): string {
  return `data:${contentType};base64,${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64")}`;
}

/** What no decoding has: four characters are three bytes, two are one, and one is none. */
const NO_LENGTH = -1;

function decodedLength(url: string, begin: number): number {
  let end = url.length;
  while (end > begin && end > url.length - 2 && url[end - 1] === "=") end--;
  const characters = end - begin;
  return characters % 4 === 1 ? NO_LENGTH : Math.floor((characters * 3) / 4);
}

function undecodable(field: string, reason: string) {
  return new RivuletError("request.media-undecodable", { field, reason });
}
