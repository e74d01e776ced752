import type { Readable } from "node:stream";
import { RivuletError } from "@rivulet/primitives";

/** A whole answer. Throws "peer.protocol" when it is longer than `maxBytes`. */
export async function whole(body: Readable, maxBytes: number): Promise<Buffer> {
  const { bytes, isWhole } = await gather(body, maxBytes);
  if (!isWhole) throw new RivuletError("peer.protocol", { reason: `an answer of more than ${maxBytes} bytes` });
  return bytes;
}

/** The beginning of an answer. One that goes on is cut off, and its connection closed. */
export function gather(
  body: Readable,
  maxBytes: number,
): Promise<{ readonly bytes: Buffer; readonly isWhole: boolean }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    body.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length <= maxBytes) return;
      resolve({ bytes: Buffer.concat(chunks).subarray(0, maxBytes), isWhole: false });
      body.destroy();
    });
    body.once("end", () => {
      const [first] = chunks;
      resolve({ bytes: first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks), isWhole: true });
    });
    body.on("error", reject);
  });
}

/** Failures of the connection as ours: never reached, or broken off in the middle. */
export function connectionError(error: unknown): unknown {
  const code = error instanceof Error ? Reflect.get(error, "code") : undefined;
  if (typeof code !== "string") return error;
  if (code.startsWith("HPE_"))
    return new RivuletError("runner.failed", { reason: "the answer is not HTTP" }, { cause: error });
  const isBrokenOff = code === "UND_ERR_SOCKET" || code === "ECONNRESET" || code === "EPIPE";
  if (isBrokenOff) return new RivuletError("runner.crashed", { reason: "the connection broke off" }, { cause: error });
  const isUnreachable = code.startsWith("E") || code.startsWith("UND_ERR_");
  return isUnreachable ? new RivuletError("runner.unavailable", { reason: code }, { cause: error }) : error;
}

/** An answer as the JSON it is. Throws "runner.failed" when it is none. */
export function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (cause) {
    throw new RivuletError("runner.failed", { reason: "the answer is not JSON" }, { cause });
  }
}

/** The members of an object; of anything else, none. */
export function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}
