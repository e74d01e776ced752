import type { IncomingHttpHeaders } from "node:http";
import { toDataUrl } from "@rivulet/media";
import { type Delivery, deliveryWords } from "@rivulet/pipelines";
import { RivuletError } from "@rivulet/primitives";
import type { ResultStore } from "../result-store.ts";
import type { FetchedFile } from "../verification.ts";

const words: ReadonlyMap<unknown, Delivery> = new Map(Object.entries(deliveryWords));

/** The delivery that a request's `response_format` asks for. Throws "request.invalid". */
export function deliveryOf(format: unknown): Delivery | undefined {
  if (format === undefined || format === "") return undefined;
  const delivery = words.get(format);
  if (delivery !== undefined) return delivery;
  const msg = `must be one of ${[...words.keys()].join(", ")}`;
  throw new RivuletError("request.invalid", {
    problems: [{ loc: ["body", "response_format"], msg, type: "literal_error" }],
  });
}

/** The delivery that a `Prefer: media=data` or `media=url` header asks for. What it does not understand it passes over. */
export function preferredDelivery(headers: IncomingHttpHeaders): Delivery | undefined {
  const prefer = headers["prefer"];
  const text = Array.isArray(prefer) ? prefer.join(",") : (prefer ?? "");
  return words.get(/(?:^|[,;\s])media="?(\w+)"?/i.exec(text)?.[1]?.toLowerCase());
}

/** Whether a request with `Prefer: respond-async` would rather be told the result later. Source: RFC 7240 4.1. */
export function prefersLater({ prefer }: IncomingHttpHeaders): boolean {
  const text = Array.isArray(prefer) ? prefer.join(",") : (prefer ?? "");
  return /(?:^|[,;\s])respond-async(?:$|[,;\s])/i.test(text);
}

/** Where an application's requests come in, as the application sees it: the beginning of addresses it can use. */
export function baseUrlOf(
  headers: IncomingHttpHeaders,
  publicUrl: string | undefined,
  local: () => { readonly host: string; readonly port: number },
): string {
  if (publicUrl !== undefined) return publicUrl.replace(/\/+$/, "");
  const host = hostOf(headers["x-forwarded-host"]) ?? hostOf(headers.host) ?? authorityOf(local());
  const scheme = first(headers["x-forwarded-proto"]) === "https" ? "https" : "http";
  return `${scheme}://${host}`;
}

/** Puts each file where the application gets it, and its address into the response. */
export function deliver(files: readonly FetchedFile[], delivery: Delivery, store: ResultStore, baseUrl: string): void {
  for (const { file, bytes } of files) {
    const { owner, key, contentType } = file;
    owner[key] =
      delivery === "data" ? toDataUrl(contentType, bytes) : `${baseUrl}/stream/${store.put({ bytes, contentType })}`;
  }
}

function first(value: string | readonly string[] | undefined): string | undefined {
  return (typeof value === "string" ? value : value?.[0])?.split(",")[0]?.trim().toLowerCase();
}

/** A host with or without a port; anything else does not get into an address. */
function hostOf(value: string | readonly string[] | undefined): string | undefined {
  const host = first(value);
  return host !== undefined && /^(?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(host) ? host : undefined;
}

function authorityOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
