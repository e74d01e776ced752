import { type BodyRoom, RivuletError } from "@rivulet/primitives";
import { breakOff, type HttpRequest } from "./exchange.ts";

export interface BodyLimits {
  readonly maxBytes: number;
  /** Where the bytes are counted while they are held; the caller gives it back. */
  readonly room: BodyRoom;
  readonly signal: AbortSignal;
}

/**
 * The whole of a body. Throws "request.too-large", "node.overloaded" when there is no room for it, "request.cancelled" when
 * it breaks off, and the signal's reason.
 *
 * What comes after a refusal is thrown away, so that the peer gets to see its answer: as much again as was allowed.
 */
export function readRequestBody(request: HttpRequest, { maxBytes, room, signal }: BodyLimits): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let length = 0;
    let isRefused = false;
    const settled = () => signal.removeEventListener("abort", onAbort);
    const refuse = (error: unknown) => {
      isRefused = true;
      chunks = [];
      settled();
      reject(error);
    };
    const onAbort = () => refuse(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > 2 * maxBytes) breakOff(request);
      if (isRefused) return;
      if (length > maxBytes) return refuse(new RivuletError("request.too-large", { limitBytes: maxBytes }));
      try {
        room.add(chunk.length);
        chunks.push(chunk);
      } catch (error) {
        refuse(error);
      }
    });
    request.on("end", () => {
      settled();
      resolve(joined(chunks));
    });
    request.on("error", (cause: Error) => refuse(new RivuletError("request.cancelled", {}, { cause })));
    request.on("close", () => refuse(new RivuletError("request.cancelled", {})));
  });
}

/** One chunk is the usual case and needs no copy. */
function joined(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks;
  return first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks);
}
