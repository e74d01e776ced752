import { RivuletError } from "@rivulet/primitives";
import type { Demonstration } from "./demonstration.ts";

/** Where the time of a job went, in milliseconds, by the names of the `Server-Timing` header. */
export type Timings = Readonly<Record<string, number>>;

/** An answer of the gateway, as an application sees it. */
export interface Answer {
  readonly requestId: string;
  /** The orchestrator's address. */
  readonly orchestrator: string;
  readonly timings: Timings;
  readonly seed: number;
  readonly file: Uint8Array;
  readonly tookMs: number;
}

/** Sends a demonstration's request to the gateway and fetches the file of the answer. */
export async function ask(gateway: string, demonstration: Demonstration, signal: AbortSignal): Promise<Answer> {
  const begin = performance.now();
  const response = await fetch(`${gateway}/${demonstration.pipeline}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(demonstration.request),
    signal,
  });
  const body: unknown = await response.json();
  const image = firstImage(body);
  if (!response.ok || image === undefined)
    throw new RivuletError("peer.failed", {
      reason: `the gateway answered ${response.status}: ${JSON.stringify(body).slice(0, 500)}`,
    });
  const file = await fetch(new URL(image.url, gateway), { signal });
  return {
    requestId: response.headers.get("x-request-id") ?? "",
    orchestrator: response.headers.get("x-orchestrator") ?? "",
    timings: parseServerTiming(response.headers.get("server-timing") ?? ""),
    seed: image.seed,
    file: new Uint8Array(await file.arrayBuffer()),
    tookMs: performance.now() - begin,
  };
}

/** Reads `selection;dur=1.2, load;dur=0`. What it does not understand it leaves out. */
export function parseServerTiming(header: string): Timings {
  const parts = [...header.slice(0, MAX_HEADER).matchAll(/([\w-]{1,40});dur=(\d{1,12}(?:\.\d{1,6})?)/g)];
  return Object.fromEntries(parts.map(([, name = "", duration]) => [name, Number(duration)]));
}

const MAX_HEADER = 4096;

function firstImage(body: unknown): { readonly url: string; readonly seed: number } | undefined {
  if (typeof body !== "object" || body === null || !("images" in body) || !Array.isArray(body.images)) return undefined;
  const [image]: readonly unknown[] = body.images;
  if (typeof image !== "object" || image === null || !("url" in image) || typeof image.url !== "string")
    return undefined;
  return { url: image.url, seed: "seed" in image && typeof image.seed === "number" ? image.seed : 0 };
}
