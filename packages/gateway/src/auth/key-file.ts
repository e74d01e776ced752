import { createHash, timingSafeEqual } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { type Clock, isError, type Logger, RivuletError, type Startable, seconds } from "@rivulet/primitives";
import { type Authenticator, bearerOf, type Caller, type Credentials } from "./authenticator.ts";

/** Every key is compared with each request's; more callers than this want the webhook. */
const MAX_KEYS = 1000;
/** 1,000 lines with room for names and comments. */
const MAX_FILE_BYTES = 1 << 20;
/** 16 characters of base64 are 96 bits: not found by trying. */
const MIN_KEY_LENGTH = 16;
/** How soon a changed file counts. */
const LOOK_AGAIN = seconds(2);

interface Key {
  readonly name: string;
  readonly hash: Buffer;
}

/**
 * Bearer keys from a file, read again when it changes. A changed file with a mistake is refused as a whole, with a
 * warning, and the keys from before stay.
 *
 * The file has one key a line, a name and the key, separated by blanks; `#` begins a comment:
 *
 *     # applications
 *     shop      sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
 *     workshop  kTq0vX2nS8wLr4Yd
 *
 * The key is its SHA-256 in hex, as `printf %s KEY | sha256sum` prints it, or the key itself with at least 16 characters.
 */
export class KeyFile implements Authenticator, Startable {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stopped = new AbortController();
  #keys: readonly Key[] = [];
  #version = "";
  #watching: Promise<void> = Promise.resolve();

  constructor(path: string, ports: { readonly clock: Clock; readonly log: Logger }) {
    this.#path = path;
    this.#clock = ports.clock;
    this.#log = ports.log;
  }

  /** Reads the file. Throws "config.invalid" when it cannot be read or has mistakes. */
  async start(): Promise<void> {
    await this.#read();
    this.#watching = this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new RivuletError("node.stopping", {}));
    await this.#watching;
  }

  /** Looks at every key, so that the time taken says nothing about how near a guess was. */
  authenticate({ authorization }: Credentials): Caller {
    const presented = bearerOf(authorization);
    if (presented === undefined) throw new RivuletError("auth.rejected", { reason: "a bearer key is needed" });
    const hash = sha256(presented);
    let caller: Caller | undefined;
    for (const key of this.#keys) if (timingSafeEqual(key.hash, hash)) caller = key;
    if (caller === undefined) throw new RivuletError("auth.rejected", { reason: "the key is not known" });
    return caller;
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.#clock.sleep(LOOK_AGAIN, signal).catch(() => {});
      if (signal.aborted) return;
      await this.#read().catch((error: unknown) => {
        if (!isError(error, "config.invalid")) throw error;
        const problem = error.facts.problems[0];
        this.#log.warn("key file refused", { path: problem?.path, reason: problem?.message });
      });
    }
  }

  async #read(): Promise<void> {
    const version = await this.#ask(() => stat(this.#path).then(({ mtimeMs, size }) => `${mtimeMs} ${size}`));
    if (version === this.#version) return;
    this.#version = version;
    const text = await this.#ask(() => readFile(this.#path, "utf8"));
    this.#keys = parseKeys(text, this.#path);
    this.#log.info("keys read", { keys: this.#keys.length });
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (cause) {
      throw invalid(this.#path, "cannot be read", cause);
    }
  }
}

/** The keys of a file's text. Throws "config.invalid" that names the line and never its content. */
export function parseKeys(text: string, path: string): readonly Key[] {
  if (text.length > MAX_FILE_BYTES) throw invalid(path, `has more than ${MAX_FILE_BYTES} characters`);
  const keys = text.split("\n").flatMap((line, index) => {
    const words = line.replace(/#.*/, "").split(/\s+/).filter(Boolean);
    if (words.length === 0) return [];
    const [name, key] = words;
    if (name === undefined || key === undefined || words.length > 2)
      throw invalid(path, `line ${index + 1} is not a name and a key`);
    const digest = /^sha256:([0-9a-f]{64})$/i.exec(key)?.[1];
    if (digest === undefined && key.startsWith("sha256:"))
      throw invalid(path, `line ${index + 1} has no whole SHA-256`);
    if (digest === undefined && key.length < MIN_KEY_LENGTH)
      throw invalid(path, `the key in line ${index + 1} is shorter than ${MIN_KEY_LENGTH} characters`);
    return [{ name, hash: digest === undefined ? sha256(key) : Buffer.from(digest, "hex") }];
  });
  if (keys.length === 0) throw invalid(path, "has no keys");
  if (keys.length > MAX_KEYS) throw invalid(path, `has more than ${MAX_KEYS} keys`);
  return keys;
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function invalid(path: string, message: string, cause?: unknown): RivuletError {
  return new RivuletError("config.invalid", { problems: [{ path, message }] }, { cause });
}
