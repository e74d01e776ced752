import { RivuletError } from "@rivulet/primitives";
import { MAX_EVENT_LINE } from "./limits.ts";

/** The headers of an event stream. */
export const EVENT_STREAM_HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache",
  connection: "keep-alive",
} as const;

const LF = 0x0a;
const CR = 0x0d;
const PREFIX = "data:";

/** One event. JSON text has no line breaks, so it is one line. */
export function eventOf(json: string): string {
  return `data: ${json}\n\n`;
}

/** Finds the data lines in bytes that arrive in any pieces. Lines of other kinds are passed over. */
export class EventLines {
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;

  /** What the lines that end in `chunk` carry, in order. Throws "peer.protocol" when a line is too long. */
  push(chunk: Uint8Array): readonly string[] {
    const found: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      this.#keep(chunk.subarray(start, end));
      const data = dataOf(this.#take());
      if (data !== undefined) found.push(data);
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
    return found;
  }

  /** What the last line carries when the stream ends without ending it. */
  end(): readonly string[] {
    const data = dataOf(this.#take());
    return data === undefined ? [] : [data];
  }

  #keep(piece: Uint8Array): void {
    this.#pendingBytes += piece.length;
    if (this.#pendingBytes > MAX_EVENT_LINE) {
      throw new RivuletError("peer.protocol", { reason: `an event line of more than ${MAX_EVENT_LINE} bytes` });
    }
    this.#pending.push(piece);
  }

  #take(): Buffer {
    const line = Buffer.concat(this.#pending, this.#pendingBytes);
    this.#pending = [];
    this.#pendingBytes = 0;
    return line;
  }
}

/** Whether a chunk of a language model's answer is its last: its first choice says why it finished. */
export function isLastChunk(chunk: unknown): boolean {
  const choices = property(chunk, "choices");
  const reason = Array.isArray(choices) ? property(choices[0], "finish_reason") : undefined;
  return typeof reason === "string" && reason !== "";
}

/** What the data lines of a stream carry, to its end. Throws "peer.protocol" when a line is too long. */
export async function* readEvents(source: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  const lines = new EventLines();
  for await (const piece of source) yield* lines.push(piece);
  yield* lines.end();
}

/**
 * The JSON texts of a language model's event stream, up to and with the last chunk; what is not JSON is passed over. With
 * `onLast`, which is called after that, the source is read to its end all the same: for the sake of its trailers.
 *
 * Throws "peer.protocol" when a line is too long or the stream ends before its last chunk.
 */
export async function* readChunks(
  source: AsyncIterable<Uint8Array>,
  { onLast }: { readonly onLast?: () => void } = {},
): AsyncGenerator<string, void> {
  let isOver = false;
  try {
    for await (const text of readEvents(source)) {
      const chunk = isOver ? undefined : parsed(text);
      if (chunk === undefined) continue;
      yield text;
      isOver = isLastChunk(chunk);
      if (!isOver) continue;
      if (onLast === undefined) return;
      onLast();
    }
  } catch (error) {
    // All there was to say has been said.
    if (!isOver) throw error;
  }
  if (!isOver) throw new RivuletError("peer.protocol", { reason: "the event stream ended before its last chunk" });
}

function dataOf(line: Buffer): string | undefined {
  const end = line[line.length - 1] === CR ? line.length - 1 : line.length;
  const text = line.toString("utf8", 0, end);
  if (!text.startsWith(PREFIX)) return undefined;
  return text.charAt(PREFIX.length) === " " ? text.slice(PREFIX.length + 1) : text.slice(PREFIX.length);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function property(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}
