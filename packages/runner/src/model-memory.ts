/** Runtime and buffers beside the weights, before anything was measured. Source: runner-and-models 7.3.4. */
const ESTIMATE_FACTOR = 1.15;

/** Memory that is asked for, in bytes: as much as is wished for, or less where that can never be had, but not too little. */
export interface MemoryNeed {
  readonly wanted: number;
  readonly least: number;
}

/** A model in memory that nobody is using, as far as choosing what to give up needs it. */
export interface IdleModel {
  readonly heldBytes: number;
  /** How long bringing it back would take, in milliseconds. */
  readonly reloadMs: number;
  /** How long nobody has used it, in milliseconds. */
  readonly idleMs: number;
}

/**
 * The idle models to give up so that `bytes` become free, the least valuable first, or `undefined` when all of them
 * together are not enough.
 *
 * A byte of a model is worth the reload time it saves times the chance that it is asked for soon, and that falls with the
 * time nobody asked. Source: runner-and-models 9.2, with idleness in place of revenue.
 */
export function chooseVictims<M extends IdleModel>(bytes: number, idle: readonly M[]): readonly M[] | undefined {
  const value = (model: M) => model.reloadMs / ((model.idleMs + 1) * Math.max(1, model.heldBytes));
  const victims: M[] = [];
  let freed = 0;
  for (const model of [...idle].sort((a, b) => value(a) - value(b))) {
    if (freed >= bytes) break;
    victims.push(model);
    freed += model.heldBytes;
  }
  return freed >= bytes ? victims : undefined;
}

/** A model that ran out of memory needs more than it ever held. Source: runner-and-models 9.2. */
const OUTGROWN_FACTOR = 1.25;

/** What one host of a model needs: what its files suggest, then the most any has held, and more once that was not enough. */
export class MemoryRecord {
  #estimatedBytes = 0;
  #peakBytes = 0;
  #hasOutgrown = false;

  /** As far as is known, in bytes; 0 before anything was measured. */
  get bytes(): number {
    return this.#hasOutgrown ? OUTGROWN_FACTOR * Math.max(this.#peakBytes, this.#estimatedBytes) : this.#peakBytes;
  }

  estimate(weightBytes: number): void {
    this.#estimatedBytes = Math.ceil(weightBytes * ESTIMATE_FACTOR);
  }

  /** Returns whether it is more than any host has held before. */
  measure(peakBytes: number): boolean {
    const isMore = peakBytes > this.#peakBytes;
    if (isMore) this.#peakBytes = peakBytes;
    return isMore;
  }

  /**
   * Notes that what was measured is not enough. Counts once, however many jobs are too large for this machine: otherwise
   * they could take all memory from the other models without using any.
   */
  outgrow(): void {
    this.#hasOutgrown = true;
  }

  /** For so many hosts. What was measured is wished for; what the files suggest has to do where that can never be had. */
  needOf(hosts: number): MemoryNeed {
    const wanted = (this.bytes || this.#estimatedBytes) * hosts;
    return { wanted, least: Math.min(wanted, this.#estimatedBytes * hosts) };
  }
}
