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
    let isSettled = false;
    const settle = () => {
      isSettled = true;
      signal.removeEventListener("abort", onAbort);
    };
    const refuse = (error: unknown) => {
      settle();
      chunks = [];
      reject(error);
    };
    const onAbort = () => refuse(signal.reason);
    const onBrokenOff = (cause?: Error) => {
      if (!isSettled) refuse(new RivuletError("request.cancelled", {}, { cause }));
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > 2 * maxBytes) breakOff(request);
      if (isSettled) return;
      if (length > maxBytes) return refuse(new RivuletError("request.too-large", { limitBytes: maxBytes }));
      try {
        room.add(chunk.length);
        chunks.push(chunk);
      } catch (error) {
        refuse(error);
      }
    });
    request.on("end", () => {
      if (isSettled) return;
      settle();
      resolve(joined(chunks));
    });
    request.on("error", onBrokenOff);
    request.on("close", () => onBrokenOff());
  });
}

/** One chunk is the usual case and needs no copy. */
function joined(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks;
  return first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks);
}
