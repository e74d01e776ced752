import { RivuletError } from "@rivulet/primitives";
import type { Demonstration, Reading } from "./demonstration.ts";

/** Where the time of a job went, in milliseconds, by the names of the `Server-Timing` header. */
export type Timings = Readonly<Record<string, number>>;

/** A file that is sent or came back. */
export interface DemoFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
}

/** An answer of the gateway, as an application sees it. */
export interface Answer extends Pick<Reading, "seed" | "words" | "outline"> {
  readonly requestId: string;
  /** The orchestrator's address. */
  readonly orchestrator: string;
  readonly timings: Timings;
  readonly files: readonly DemoFile[];
  readonly tookMs: number;
}

/**
 * Sends a demonstration's request to the gateway, as a form when it has files, and fetches the files of the answer.
 * Throws `peer.failed` with what the gateway said when that is no answer, or a file of it cannot be had;
 * `peer.unreachable` when it said nothing.
 */
export async function ask(
  gateway: string,
  demonstration: Demonstration,
  files: ReadonlyMap<string, DemoFile>,
  signal: AbortSignal,
): Promise<Answer> {
  const begin = performance.now();
  const response = await fetch(`${gateway}/${demonstration.pipeline}`, {
    method: "POST",
    ...(files.size > 0 ? { body: formOf(demonstration, files) } : jsonOf(demonstration)),
    signal,
  }).catch((cause: unknown) => {
    throw signal.aborted ? signal.reason : new RivuletError("peer.unreachable", { reason: gateway }, { cause });
  });
  const text = await response.text();
  if (!response.ok) throw failed(`the gateway answered ${response.status}: ${text.slice(0, MAX_QUOTED)}`);
  const { files: results, ...reading } = readingOf(demonstration, text);
  const urls = results.map(({ owner, key }) => new URL(String(owner[key]), gateway));
  const bytes = await Promise.all(urls.map((url) => fileAt(url, signal)));
  return {
    requestId: response.headers.get("x-request-id") ?? "",
    orchestrator: response.headers.get("x-orchestrator") ?? "",
    timings: parseServerTiming(response.headers.get("server-timing") ?? ""),
    ...reading,
    files: results.map(({ contentType }, i) => ({ contentType, bytes: bytes[i] ?? new Uint8Array() })),
    tookMs: performance.now() - begin,
  };
}

/** Of what the gateway said, in an error. */
const MAX_QUOTED = 500;

function readingOf(demonstration: Demonstration, text: string): Reading {
  try {
    return demonstration.read(JSON.parse(text));
  } catch (cause) {
    throw failed(`the gateway's answer cannot be read: ${text.slice(0, MAX_QUOTED)}`, cause);
  }
}

async function fileAt(url: URL, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url, { signal });
  if (!response.ok) throw failed(`the gateway answered ${response.status} for ${url.pathname}`);
  return response.bytes();
}

function failed(reason: string, cause?: unknown): RivuletError {
  return new RivuletError("peer.failed", { reason }, { cause });
}

/** Reads `selection;dur=1.2, load;dur=0`. What it does not understand it leaves out. */
export function parseServerTiming(header: string): Timings {
  const parts = [...header.slice(0, MAX_HEADER).matchAll(/([\w-]{1,40});dur=(\d{1,12}(?:\.\d{1,6})?)/g)];
  return Object.fromEntries(parts.map(([, name = "", duration]) => [name, Number(duration)]));
}

const MAX_HEADER = 4096;

function jsonOf({ fields }: Demonstration): RequestInit {
  return { headers: { "content-type": "application/json" }, body: JSON.stringify(fields) };
}

function formOf({ fields }: Demonstration, files: ReadonlyMap<string, DemoFile>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, formText(value));
  for (const [name, { bytes, contentType }] of files) form.set(name, new Blob([bytes], { type: contentType }), name);
  return form;
}

/** A field of a form as text: what is not text already is JSON. */
export function formText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
