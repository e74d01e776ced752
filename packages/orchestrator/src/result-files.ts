import { isDataUrl, parseDataUrl, sniffContentType } from "@rivulet/media";
import type { Pipeline, ResultFile } from "@rivulet/pipelines";
import { RivuletError } from "@rivulet/primitives";
import type { JobResult, ResultBytes } from "./executor.ts";
import { MAX_RESPONSE_BYTES } from "./limits.ts";

/**
 * Every file of a result, where its url stands and what it holds. Throws "peer.bad-result" when one is missing, cannot be
 * read, or is not of its type.
 */
export function filesOfResult(pipeline: Pipeline, result: JobResult): readonly (ResultFile & ResultBytes)[] {
  return pipeline.files(result.response).map((place) => ({ ...place, bytes: bytesOf(place, result) }));
}

function bytesOf({ owner, key, contentType }: ResultFile, { files }: JobResult): Uint8Array {
  const url = String(owner[key]);
  const bytes = files.get(url)?.bytes ?? (isDataUrl(url) ? decoded(url) : undefined);
  if (bytes === undefined) throw new RivuletError("peer.bad-result", { reason: "a file of the result is missing" });
  if (sniffContentType(bytes) !== contentType)
    throw new RivuletError("peer.bad-result", { reason: `a file of the result is not ${contentType}` });
  return bytes;
}

function decoded(url: string): Uint8Array {
  try {
    return parseDataUrl(url, { maxBytes: MAX_RESPONSE_BYTES }).bytes;
  } catch (cause) {
    throw new RivuletError("peer.bad-result", { reason: "a file of the result cannot be read" }, { cause });
  }
}
