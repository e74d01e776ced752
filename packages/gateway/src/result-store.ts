import { type Clock, type Milliseconds, ms, type Randomness, randomId } from "@rivulet/primitives";

/** A file that applications may fetch. */
export interface StoredFile {
  readonly bytes: Uint8Array;
  readonly contentType: string;
}

export interface ResultStoreOptions {
  /** When full, the oldest files make room. */
  readonly maxBytes: number;
  readonly maxFiles: number;
  /** How long a file can be fetched. */
  readonly keepFor: Milliseconds;
}

/**
 * Results in memory, under names nobody can guess: whoever has the name may read.
 *
 * Bounded in bytes, files and time; the oldest go first.
 */
export class ResultStore {
  readonly #options: ResultStoreOptions;
  readonly #clock: Clock;
  readonly #randomness: Randomness;
  /** In the order of their ends: every file is kept equally long. */
  readonly #files = new Map<string, StoredFile & { readonly until: Milliseconds }>();
  #bytes = 0;

  constructor(options: ResultStoreOptions, ports: { readonly clock: Clock; readonly randomness: Randomness }) {
    this.#options = options;
    this.#clock = ports.clock;
    this.#randomness = ports.randomness;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get files(): number {
    return this.#files.size;
  }

  /** Keeps a file and returns its name. A file larger than the whole store is not kept, and its name leads nowhere. */
  put(file: StoredFile): string {
    const name = `${randomId(this.#randomness)}${extensions[file.contentType] ?? ""}`;
    this.#expire();
    this.#files.set(name, { ...file, until: ms(this.#clock.now() + this.#options.keepFor) });
    this.#bytes += file.bytes.byteLength;
    for (const oldest of this.#files.keys()) {
      if (this.#bytes <= this.#options.maxBytes && this.#files.size <= this.#options.maxFiles) break;
      this.#drop(oldest);
    }
    return name;
  }

  find(name: string): StoredFile | undefined {
    this.#expire();
    return this.#files.get(name);
  }

  clear(): void {
    this.#files.clear();
    this.#bytes = 0;
  }

  #expire(): void {
    const now = this.#clock.now();
    for (const [name, file] of this.#files) {
      if (file.until > now) break;
      this.#drop(name);
    }
  }

  #drop(name: string): void {
    this.#bytes -= this.#files.get(name)?.bytes.byteLength ?? 0;
    this.#files.delete(name);
  }
}

/** The ends of file names of the network's results. */
const extensions: Readonly<Record<string, string>> = {
  "image/png": ".png",
  "image/jpeg": ".jpg",
  "image/webp": ".webp",
  "video/mp4": ".mp4",
  "audio/wav": ".wav",
};
