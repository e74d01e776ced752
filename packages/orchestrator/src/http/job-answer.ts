import type { OutgoingHttpHeaders } from "node:http";
import { toDataUrl } from "@rivulet/media";
import { eventOf, networkJson } from "@rivulet/wire";
import type { AdmittedJob, JobResult, ResultBytes } from "../executor.ts";
import { timingHeader } from "../job-timings.ts";
import { filesOfResult } from "../result-files.ts";
import { answer, type HttpResponse } from "./exchange.ts";

/** How files reach the gateway: behind a URL, or, images only, inside the answer. */
export interface FileDelivery {
  readonly isInline: boolean;
  /** Keeps a file and returns its URL. */
  readonly store: (requestId: string, file: ResultBytes) => string;
}

/**
 * Answers a finished job. Throws "peer.bad-result" when a file of it is missing or not of its type. `charge` is called once
 * the result is good; what it answers stands in the headers.
 */
export async function answerResult(
  response: HttpResponse,
  job: AdmittedJob,
  result: JobResult,
  delivery: FileDelivery,
  charge: () => Promise<OutgoingHttpHeaders>,
): Promise<void> {
  for (const { owner, key, contentType, bytes } of filesOfResult(job.pipeline, result)) {
    const isInline = delivery.isInline && contentType === "image/png";
    owner[key] = isInline ? toDataUrl(contentType, bytes) : delivery.store(job.requestId, { bytes, contentType });
  }
  const timing = timingHeader(result.timings);
  const charged = await charge();
  answer(
    response,
    200,
    { "content-type": "application/json", ...(timing !== "" && { "server-timing": timing }), ...charged },
    networkJson(result.response),
  );
}

/** A stream, and what is told beside it. */
export interface ToldStream {
  readonly events: AsyncIterable<string>;
  readonly headers: OutgoingHttpHeaders;
  /** Called after the last event. */
  readonly trailers?: () => Promise<OutgoingHttpHeaders>;
}

/**
 * Passes a stream on, as fast as the caller reads it. When it breaks off the connection does too: there is no other way to
 * say so after the first event.
 */
export async function answerStream(
  response: HttpResponse,
  stream: ToldStream,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  response.writeHead(200, { ...headers, ...stream.headers });
  for await (const event of stream.events) {
    signal.throwIfAborted();
    if (!response.write(eventOf(event))) await drained(response, signal);
  }
  if (stream.trailers !== undefined) response.addTrailers(await stream.trailers());
  response.end();
}

function drained(response: HttpResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      response.off("drain", settle);
      signal.removeEventListener("abort", settle);
      if (signal.aborted) reject(signal.reason);
      else resolve();
    };
    response.once("drain", settle);
    signal.addEventListener("abort", settle, { once: true });
  });
}
