import { type Clock, type Milliseconds, ms, type Randomness, randomId } from "@rivulet/primitives";
import type { ResultBytes } from "./executor.ts";
import { FILES_PER_REQUEST, RESULT_LIFETIME, RESULT_STORE_BYTES, RESULT_STORE_REQUESTS } from "./limits.ts";

export interface ResultStoreOptions {
  readonly maxBytes?: number;
  readonly maxRequests?: number;
  readonly filesPerRequest?: number;
  readonly lifetime?: Milliseconds;
}

interface RequestFiles {
  readonly expiresAt: Milliseconds;
  readonly files: Map<string, ResultBytes>;
}

/** Types of files that are stored, and how their names end. Source: wire-protocol 4.8. */
const extensions: Readonly<Record<string, string>> = {
  "image/png": "png",
  "video/mp4": "mp4",
  "audio/wav": "wav",
};

/**
 * Files that can be fetched for a while: results of jobs, and inputs of jobs that workers do.
 *
 * In memory and bounded. A request keeps its latest files; when bytes or requests run out, the oldest request goes first,
 * its files with it. Request ids and names are unguessable, which is all that protects a file.
 */
export class ResultStore {
  readonly #limits: Required<ResultStoreOptions>;
  readonly #clock: Clock;
  readonly #randomness: Randomness;
  /** Oldest request first. */
  readonly #requests = new Map<string, RequestFiles>();
  #bytes = 0;

  constructor(options: ResultStoreOptions, ports: { readonly clock: Clock; readonly randomness: Randomness }) {
    this.#limits = {
      maxBytes: RESULT_STORE_BYTES,
      maxRequests: RESULT_STORE_REQUESTS,
      filesPerRequest: FILES_PER_REQUEST,
      lifetime: RESULT_LIFETIME,
      ...options,
    };
    this.#clock = ports.clock;
    this.#randomness = ports.randomness;
  }

  /** Bytes held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a file and returns its path: `<request id>/<file name>`. */
  put(requestId: string, file: ResultBytes): string {
    this.sweep();
    const request = this.#request(requestId);
    const name = `${randomId(this.#randomness)}.${extensions[file.contentType] ?? "tempfile"}`;
    request.files.set(name, file);
    this.#bytes += file.bytes.byteLength;
    for (const oldest of request.files.keys()) {
      if (request.files.size <= this.#limits.filesPerRequest) break;
      this.remove(`${requestId}/${oldest}`);
    }
    for (const oldest of this.#requests.keys()) {
      if (this.#bytes <= this.#limits.maxBytes && this.#requests.size <= this.#limits.maxRequests) break;
      if (oldest !== requestId) this.#drop(oldest);
    }
    return `${requestId}/${name}`;
  }

  find(path: string): ResultBytes | undefined {
    const [requestId = "", name = ""] = path.split("/", 2);
    const request = this.#requests.get(requestId);
    return request === undefined || request.expiresAt <= this.#clock.now() ? undefined : request.files.get(name);
  }

  remove(path: string): void {
    const [requestId = "", name = ""] = path.split("/", 2);
    const request = this.#requests.get(requestId);
    const file = request?.files.get(name);
    if (request === undefined || file === undefined) return;
    request.files.delete(name);
    this.#bytes -= file.bytes.byteLength;
    if (request.files.size === 0) this.#requests.delete(requestId);
  }

  /** Forgets what has outlived its time. */
  sweep(): void {
    const now = this.#clock.now();
    for (const [requestId, { expiresAt }] of this.#requests) {
      if (expiresAt > now) return;
      this.#drop(requestId);
    }
  }

  clear(): void {
    this.#requests.clear();
    this.#bytes = 0;
  }

  #request(requestId: string): RequestFiles {
    const known = this.#requests.get(requestId);
    if (known !== undefined) return known;
    const request = { expiresAt: ms(this.#clock.now() + this.#limits.lifetime), files: new Map() };
    this.#requests.set(requestId, request);
    return request;
  }

  #drop(requestId: string): void {
    for (const { bytes } of this.#requests.get(requestId)?.files.values() ?? []) this.#bytes -= bytes.byteLength;
    this.#requests.delete(requestId);
  }
}
