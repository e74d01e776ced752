import { Lease } from "@rivulet/primitives";

interface Count {
  slots: number;
  used: number;
}

/** A model of a pipeline: what slots are counted by. */
interface ModelKey {
  readonly pipeline: { readonly name: string };
  readonly model: string;
}

/**
 * Slots of models, taken as leases. The only counter of its slots: nothing is added or subtracted elsewhere, so a slot
 * comes back exactly when its lease does.
 */
export class Capacity {
  readonly #counts = new Map<string, Count>();

  /** States the slots of every model; a model not stated has none. Leases that are out stay counted. */
  set(models: Iterable<ModelKey & { readonly slots: number }>): void {
    for (const [key, count] of this.#counts) {
      if (count.used === 0) this.#counts.delete(key);
      else count.slots = 0;
    }
    for (const model of models) this.#count(keyOf(model)).slots += model.slots;
  }

  free(model: ModelKey): number {
    const count = this.#counts.get(keyOf(model));
    return count === undefined ? 0 : Math.max(0, count.slots - count.used);
  }

  /** Leases that are out, over all models. */
  get used(): number {
    let used = 0;
    for (const count of this.#counts.values()) used += count.used;
    return used;
  }

  tryAcquire(model: ModelKey): Lease | undefined {
    if (this.free(model) === 0) return undefined;
    const count = this.#count(keyOf(model));
    count.used += 1;
    return new Lease(() => {
      count.used -= 1;
    });
  }

  #count(key: string): Count {
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    const count = { slots: 0, used: 0 };
    this.#counts.set(key, count);
    return count;
  }
}

function keyOf({ pipeline, model }: ModelKey): string {
  return `${pipeline.name} ${model}`;
}
