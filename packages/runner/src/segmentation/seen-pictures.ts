import { createHash } from "node:crypto";
import { sizeOf, type Tensor } from "../tensor.ts";

/** What a model keeps of a picture that it has looked at. */
export interface Seen {
  readonly width: number;
  readonly height: number;
  readonly embeddings: Readonly<Record<string, Tensor>>;
}

/** 128 MiB: eight pictures of the published models, for people who click at one again and again. */
const MAX_BYTES = 128 * 1024 * 1024;

/**
 * The pictures that a model looked at last, by the SHA-256 of their files: looking takes a second, a prompt 20 ms.
 * The one that was asked for longest ago goes when all together exceed `maxBytes`.
 */
export class SeenPictures {
  readonly #maxBytes: number;
  readonly #seen = new Map<string, Seen>();
  #bytes = 0;

  constructor(maxBytes: number = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** What was kept of the picture, or what `look` finds. */
  async get(file: Uint8Array, look: () => Promise<Seen>): Promise<Seen> {
    const key = createHash("sha256").update(file).digest("base64");
    const seen = this.#take(key) ?? (await look());
    // Two callers may have looked at the same picture at once.
    this.#take(key);
    this.#seen.set(key, seen);
    this.#bytes += bytesOf(seen);
    for (const oldest of this.#seen.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#take(oldest);
    }
    return seen;
  }

  #take(key: string): Seen | undefined {
    const seen = this.#seen.get(key);
    if (seen === undefined) return undefined;
    this.#seen.delete(key);
    this.#bytes -= bytesOf(seen);
    return seen;
  }
}

function bytesOf({ embeddings }: Seen): number {
  return Object.values(embeddings).reduce((sum, { dims, data }) => sum + sizeOf(dims) * data.BYTES_PER_ELEMENT, 0);
}
