import type { Readable } from "node:stream";
import { RivuletError } from "@rivulet/primitives";

/**
 * The whole of a body, at most `maxBytes`; what comes after that is read and thrown away, so that the peer gets to see
 * its answer. Throws "request.too-large", "request.cancelled" when the body breaks off.
 */
export function readRequestBody(stream: Readable, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let length = 0;
    stream.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length <= maxBytes) chunks.push(chunk);
      else {
        chunks = [];
        reject(new RivuletError("request.too-large", { limitBytes: maxBytes }));
      }
    });
    stream.on("end", () => resolve(joined(chunks)));
    stream.on("error", (cause: Error) => reject(new RivuletError("request.cancelled", {}, { cause })));
    stream.on("close", () => reject(new RivuletError("request.cancelled", {})));
  });
}

/** One chunk is the usual case and needs no copy. */
function joined(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks;
  return first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks);
}
