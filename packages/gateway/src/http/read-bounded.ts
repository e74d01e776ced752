import type { Readable } from "node:stream";
import { RivuletError } from "@rivulet/primitives";

export interface ReadOptions {
  /** Told the length of every piece before it is kept; what it throws ends the reading. */
  readonly onPiece?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * A body as bytes, at most `limitBytes`. Throws "request.too-large" at the first byte too many, and the signal's reason,
 * and reads no further: a client's body is left paused, so that it can still be answered, a peer's is ended by whoever
 * asked for it. Errors of the stream pass through.
 */
export function readBounded(body: Readable, limitBytes: number, options: ReadOptions = {}): Promise<Buffer> {
  const { onPiece, signal } = options;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const refuse = (reason: unknown) => {
      body.off("data", take);
      body.pause();
      reject(reason);
    };
    const take = (chunk: Buffer) => {
      length += chunk.length;
      try {
        if (length > limitBytes) throw new RivuletError("request.too-large", { limitBytes });
        onPiece?.(chunk.length);
        chunks.push(chunk);
      } catch (reason) {
        refuse(reason);
      }
    };
    if (signal?.aborted === true) return refuse(signal.reason);
    signal?.addEventListener("abort", () => refuse(signal.reason), { once: true });
    body.on("data", take);
    body.once("end", () => resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)));
    body.once("error", reject);
    body.once("close", () => {
      if (!body.readableEnded) reject(new RivuletError("request.cancelled", { reason: "the body ended early" }));
    });
  });
}
