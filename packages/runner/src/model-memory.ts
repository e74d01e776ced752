/** Runtime and buffers beside the weights, before anything was measured. Source: runner-and-models 7.3.4. */
const ESTIMATE_FACTOR = 1.15;

/** What a model will need in memory, in bytes, as far as its files tell. */
export function estimateOf(weightBytes: number): number {
  return Math.ceil(weightBytes * ESTIMATE_FACTOR);
}

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
