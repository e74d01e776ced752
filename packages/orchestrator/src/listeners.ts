/** Callbacks that want to know, until they are disposed of. */
export class Listeners {
  readonly #callbacks = new Set<() => void>();

  add(callback: () => void): Disposable {
    // Wrapped, so that the same function added twice is two listeners.
    const entry = () => callback();
    this.#callbacks.add(entry);
    return { [Symbol.dispose]: () => void this.#callbacks.delete(entry) };
  }

  notify(): void {
    for (const callback of [...this.#callbacks]) callback();
  }
}
