import { unwatchFile, watchFile } from "node:fs";
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
  readonly #onFile = () => this.reload("a file changed");

  constructor(options: PriceReloadOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
  }

  /** Who is handed new prices. May throw "config.invalid"; then nobody after it gets them. */
  add(taker: (prices: Configuration["prices"]) => void): void {
    this.#takers.push(taker);
  }

  start(): void {
    for (const file of this.#options.files)
      watchFile(file, { interval: LOOK_INTERVAL_MS, persistent: false }, this.#onFile);
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
    for (const file of this.#options.files) unwatchFile(file, this.#onFile);
  }
}
