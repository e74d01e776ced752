import type { Readable } from "node:stream";
import { RivuletError } from "@rivulet/primitives";

/**
 * A body as bytes, at most `limitBytes`. Throws "request.too-large" at the first byte too many and reads no further: a
 * client's body is left paused, so that it can still be answered, a peer's is ended by whoever asked for it. Errors of
 * the stream pass through.
 */
export function readBounded(body: Readable, limitBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const take = (chunk: Buffer) => {
      length += chunk.length;
      if (length <= limitBytes) {
        chunks.push(chunk);
        return;
      }
      body.off("data", take);
      body.pause();
      reject(new RivuletError("request.too-large", { limitBytes }));
    };
    body.on("data", take);
    body.once("end", () => resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)));
    body.once("error", reject);
    body.once("close", () => {
      if (!body.readableEnded) reject(new RivuletError("request.cancelled", { reason: "the body ended early" }));
    });
  });
}
