/**
 * Something that must be given back, once. `using` gives it back when the scope ends; giving it back twice does nothing.
 */
export class Lease implements Disposable {
  #giveBack: (() => void) | undefined;

  constructor(giveBack: () => void) {
    this.#giveBack = giveBack;
  }

  get isHeld(): boolean {
    return this.#giveBack !== undefined;
  }

  release(): void {
    const giveBack = this.#giveBack;
    this.#giveBack = undefined;
    giveBack?.();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
