import { probeAudio, probeImage, sniffContentType, verifyImage } from "@rivulet/media";
import type { Expectation, ResultFile } from "@rivulet/pipelines";
import { isError, RivuletError } from "@rivulet/primitives";

/** A file of a result, fetched. */
export interface FetchedFile {
  readonly file: ResultFile;
  readonly bytes: Uint8Array;
}

type Size = { readonly width: number; readonly height: number };

/** How each type of file is read. */
const readers: { readonly [T in ResultFile["contentType"]]: (bytes: Uint8Array, asked?: Size) => Promise<void> } = {
  "image/png": async (bytes, asked) => {
    const { format, width, height } = probeImage(bytes, "result");
    if (format !== "png") throw badResult(`a picture is ${format}, not png`);
    // Before the pixels: a header may promise more of them than fit in memory.
    if (asked !== undefined && (width !== asked.width || height !== asked.height))
      throw badResult(`a picture is ${width} × ${height}, not ${asked.width} × ${asked.height}`);
    await verifyImage(bytes, { field: "result" });
  },
  "video/mp4": async (bytes) => {
    const type = sniffContentType(bytes);
    if (type !== "video/mp4") throw badResult(`a video is ${type ?? "of no known type"}`);
  },
  "audio/wav": async (bytes) => {
    const audio = probeAudio(bytes, "result");
    if (audio.durationSeconds <= 0) throw badResult("the audio is empty");
  },
};

/** Checks how many files a response names, before any is fetched. Throws "peer.bad-result". */
export function verifyCount(expected: Expectation, files: readonly ResultFile[]): void {
  if (files.length !== expected.files) throw badResult(`${files.length} files where ${expected.files} were asked for`);
}

/**
 * Checks every file against what was asked: type, that it can be read to its end, size, seed. Throws "peer.bad-result": what
 * is wrong with a result is its maker's fault and never the caller's.
 */
export async function verifyFiles(expected: Expectation, files: readonly FetchedFile[]): Promise<void> {
  files.forEach(({ file }, index) => {
    const [seed, told] = [expected.seeds?.[index], file.owner["seed"]];
    if (seed !== undefined && told !== seed) throw badResult(`file ${index + 1} has another seed than ${seed}`);
  });
  await Promise.all(files.map(({ file, bytes }) => read(file, bytes, expected.size)));
}

async function read(file: ResultFile, bytes: Uint8Array, asked: Size | undefined): Promise<void> {
  try {
    await readers[file.contentType](bytes, asked);
  } catch (cause) {
    if (isError(cause, "request.media-undecodable") || isError(cause, "request.media-unsupported"))
      throw new RivuletError("peer.bad-result", { reason: cause.facts.reason }, { cause });
    throw cause;
  }
}

export function badResult(reason: string, cause?: unknown): RivuletError {
  return new RivuletError("peer.bad-result", { reason }, { cause });
}
