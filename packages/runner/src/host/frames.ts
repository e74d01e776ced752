import type { Duplex } from "node:stream";
import { deserialize, serialize } from "node:v8";
import type { Channel } from "./messages.ts";

/** Bytes of the length that goes before each frame, big endian. */
const HEADER_BYTES = 4;

/** A frame holds one request with its files or one result; 512 MiB is twice the largest result of any pipeline (masks). */
const MAX_FRAME_BYTES = 512 * 1024 * 1024;

/** One message as bytes: its length, then its structured clone. */
export function encodeFrame(message: unknown): Buffer {
  const body = serialize(message);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  frame.writeUInt32BE(body.length, 0);
  body.copy(frame, HEADER_BYTES);
  return frame;
}

/** Cuts a stream of bytes into messages. Each byte is copied once however small the pieces are in which it arrives. */
export class FrameReader {
  #pieces: Buffer[] = [];
  #bytes = 0;
  #wanted: number | undefined;

  /** The messages completed by `piece`. Throws `RangeError` when a frame claims more than the limit. */
  *push(piece: Buffer): Generator<unknown> {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    for (;;) {
      if (this.#wanted === undefined) {
        if (this.#bytes < HEADER_BYTES) return;
        this.#wanted = this.#take(HEADER_BYTES).readUInt32BE(0);
        if (this.#wanted > MAX_FRAME_BYTES) throw new RangeError(`a frame of ${this.#wanted} bytes is too large`);
      }
      if (this.#bytes < this.#wanted) return;
      const body = this.#take(this.#wanted);
      this.#wanted = undefined;
      yield deserialize(body);
    }
  }

  #take(length: number): Buffer {
    const [first] = this.#pieces;
    const all = this.#pieces.length === 1 && first !== undefined ? first : Buffer.concat(this.#pieces, this.#bytes);
    const rest = all.subarray(length);
    this.#pieces = rest.length === 0 ? [] : [rest];
    this.#bytes = rest.length;
    return all.subarray(0, length);
  }
}

/**
 * A channel over a socket pair. Raw frames carry a picture three times as fast as the messages of `fork` do.
 *
 * Both ends are our own code of the same version, so what arrives has the type that was sent; what cannot be read closes
 * the line like any other failure of it.
 */
export function frameChannel<Out, In>(stream: Duplex): Channel<Out, In> {
  const reader = new FrameReader();
  stream.on("error", () => stream.destroy());
  return {
    send(message) {
      if (stream.writable) stream.write(encodeFrame(message));
    },
    onMessage(listener) {
      stream.on("data", (piece: Buffer) => {
        for (const message of readable(reader, piece, stream)) listener(message as In);
      });
    },
    onClose(listener) {
      stream.once("close", listener);
      stream.once("end", () => stream.destroy());
    },
    close() {
      stream.destroy();
    },
  };
}

function readable(reader: FrameReader, piece: Buffer, stream: Duplex): readonly unknown[] {
  try {
    return [...reader.push(piece)];
  } catch (error) {
    stream.destroy(new Error("a frame could not be read", { cause: error }));
    return [];
  }
}
