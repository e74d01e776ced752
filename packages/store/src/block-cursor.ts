import type { Settings } from "./settings.ts";

/** A block of this chain by number and hash. */
export interface ProcessedBlock {
  readonly number: bigint;
  /** `0x` and 64 hex digits. */
  readonly hash: `0x${string}`;
}

const KEY = "chain.processed-block";

/** The last block whose events were processed, for the next start. */
export class BlockCursor {
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  async load(): Promise<ProcessedBlock | undefined> {
    const [, number, hash] = /^(\d+) 0x([0-9a-f]{64})$/i.exec((await this.#settings.find(KEY)) ?? "") ?? [];
    return number === undefined ? undefined : { number: BigInt(number), hash: `0x${hash}` };
  }

  async save({ number, hash }: ProcessedBlock): Promise<void> {
    await this.#settings.set({ [KEY]: `${number} ${hash}` });
  }
}
