import { statSync } from "node:fs";
import { isError, type Logger } from "@rivulet/primitives";
import type { Configuration } from "../config/load.ts";

/** How often files are looked at: prices change by the hour, and looking costs nothing. */
const LOOK_INTERVAL_MS = 2_000;

export interface PriceReloadOptions {
  /** Files in which prices stand. */
  readonly files: readonly string[];
  /** Reads the configuration again. Throws "config.invalid". */
  readonly read: () => Configuration;
}

/**
 * Reads prices again when a file of theirs changes, or when asked to. What is wrong is told, and the prices there are stay.
 */
export class PriceReload implements Disposable {
  readonly #options: PriceReloadOptions;
  readonly #log: Logger;
  readonly #takers: ((prices: Configuration["prices"]) => void)[] = [];
  /** Of each file, as it was when it was last looked at: first when the configuration had just been read. */
  #seen: string;
  #looking: NodeJS.Timeout | undefined;

  constructor(options: PriceReloadOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
    this.#seen = this.#look();
  }

  /** Who is handed new prices. May throw "config.invalid"; then nobody after it gets them. */
  add(taker: (prices: Configuration["prices"]) => void): void {
    this.#takers.push(taker);
  }

  start(): void {
    this.#looking = setInterval(() => {
      const now = this.#look();
      if (now === this.#seen) return;
      this.#seen = now;
      this.reload("a file changed");
    }, LOOK_INTERVAL_MS).unref();
  }

  reload(why: string): void {
    try {
      const { prices } = this.#options.read();
      for (const take of this.#takers) take(prices);
      const { orchestrator, gateway, signer } = prices;
      this.#log.info("prices read again", {
        why,
        asked: orchestrator.rows.length + orchestrator.base.size,
        limits: gateway.rows.length + signer.rows.length,
      });
    } catch (error) {
      if (!isError(error, "config.invalid")) throw error;
      const reason = error.facts.problems.map(({ path, message }) => `${path}: ${message}`).join("; ");
      this.#log.warn("prices kept as they were", { why, reason });
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#looking);
  }

  #look(): string {
    return this.#options.files.map(looksOf).join("\n");
  }
}

/** Differs when the file does. One that cannot be looked at is read when it can be again. */
function looksOf(file: string): string {
  try {
    const { ino, size, mtimeMs } = statSync(file);
    return `${ino} ${size} ${mtimeMs}`;
  } catch {
    return "";
  }
}
