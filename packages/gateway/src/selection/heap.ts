/** A priority queue from which any item can also be taken out: each item knows its place. All steps are O(log n). */
export class Heap<T> {
  readonly #before: (a: T, b: T) => boolean;
  readonly #items: T[] = [];
  readonly #places = new Map<T, number>();

  /** `before(a, b)` says whether `a` comes out before `b`. It must not change for items inside. */
  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  has(item: T): boolean {
    return this.#places.has(item);
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  /** Adds an item. An item that is already inside stays where it is. */
  push(item: T): void {
    if (this.#places.has(item)) return;
    this.#items.push(item);
    this.#rise(item, this.#items.length - 1);
  }

  pop(): T | undefined {
    const first = this.#items[0];
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** Takes an item out wherever it stands. Returns whether it was inside. */
  remove(item: T): boolean {
    const place = this.#places.get(item);
    if (place === undefined) return false;
    this.#places.delete(item);
    const last = this.#items.pop();
    if (last === undefined || last === item) return true;
    this.#sink(last, place);
    this.#rise(last, this.#places.get(last) ?? place);
    return true;
  }

  /** The first item, in order, that satisfies `wanted`; it stays inside. Looks at no more items than it must. */
  find(wanted: (item: T) => boolean): T | undefined {
    const first = this.peek();
    if (first === undefined || wanted(first)) return first;
    const passed: T[] = [];
    try {
      for (let item = this.pop(); item !== undefined; item = this.pop()) {
        passed.push(item);
        if (wanted(item)) return item;
      }
      return undefined;
    } finally {
      for (const item of passed) this.push(item);
    }
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#items.values();
  }

  #put(item: T, place: number): void {
    this.#items[place] = item;
    this.#places.set(item, place);
  }

  #rise(item: T, from: number): void {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = this.#items[above];
      if (parent === undefined || !this.#before(item, parent)) break;
      this.#put(parent, place);
      place = above;
    }
    this.#put(item, place);
  }

  #sink(item: T, from: number): void {
    let place = from;
    for (;;) {
      const left = this.#items[2 * place + 1];
      const right = this.#items[2 * place + 2];
      if (left === undefined) break;
      const isRight = right !== undefined && this.#before(right, left);
      const child = isRight ? right : left;
      if (!this.#before(child, item)) break;
      this.#put(child, place);
      place = 2 * place + (isRight ? 2 : 1);
    }
    this.#put(item, place);
  }
}
