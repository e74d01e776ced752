/** What a full queue does with one more: refuse it, or make room by dropping the oldest. */
export type QueuePolicy = "refuse" | "drop-oldest";

/** First in, first out, with a bound. The policy for a full queue is always stated. */
export class BoundedQueue<T> {
  readonly #items: T[] = [];
  readonly #capacity: number;
  readonly #policy: QueuePolicy;

  constructor(capacity: number, policy: QueuePolicy) {
    if (!Number.isInteger(capacity) || capacity < 1)
      throw new RangeError(`a queue needs room for at least 1: ${capacity}`);
    this.#capacity = capacity;
    this.#policy = policy;
  }

  get length(): number {
    return this.#items.length;
  }

  /** Adds an item. Returns false when the queue is full and refuses. */
  push(item: T): boolean {
    if (this.#items.length >= this.#capacity) {
      if (this.#policy === "refuse") return false;
      this.#items.shift();
    }
    this.#items.push(item);
    return true;
  }

  shift(): T | undefined {
    return this.#items.shift();
  }

  /** Removes one item wherever it stands. Returns whether it was there. */
  remove(item: T): boolean {
    const index = this.#items.indexOf(item);
    if (index < 0) return false;
    this.#items.splice(index, 1);
    return true;
  }
}
