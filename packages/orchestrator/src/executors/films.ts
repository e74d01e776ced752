import { encodeMp4, parseDataUrl } from "@rivulet/media";
import type { Pipeline } from "@rivulet/pipelines";
import { RivuletError } from "@rivulet/primitives";
import type { JobResult, ResultBytes } from "../executor.ts";
import { MAX_RESPONSE_BYTES } from "../limits.ts";

/**
 * The response to a job whose runner answered frames: each film joined into one file, encoded in a process of its own.
 * Throws "runner.failed" for frames that are no pictures, and where there is nothing to encode with.
 */
export async function filmed(
  { films, response }: NonNullable<Pipeline["filming"]>,
  request: Readonly<Record<string, unknown>>,
  answer: unknown,
  signal: AbortSignal,
): Promise<Pick<JobResult, "response" | "files">> {
  const files = new Map<string, ResultBytes>();
  for (const { frames, framesPerSecond } of films(request, answer)) {
    const bytes = await encodeMp4({ frames: frames.map(pictureIn), framesPerSecond, signal });
    files.set(`film-${files.size}.mp4`, { bytes, contentType: "video/mp4" });
  }
  return { response: Object.fromEntries(Object.entries(Object(response(answer, [...files.keys()])))), files };
}

/** Runners answer the files themselves, never where they are. */
function pictureIn(url: string): Uint8Array {
  try {
    return parseDataUrl(url, { maxBytes: MAX_RESPONSE_BYTES }).bytes;
  } catch (cause) {
    throw new RivuletError("runner.failed", { reason: "a frame cannot be read" }, { cause });
  }
}
