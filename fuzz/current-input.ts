import { MAX_INPUT } from "./mutate.ts";

const HEAD_BYTES = 8;

/**
 * The input being tried, in memory that another thread can read when the thread that tries it no longer answers.
 */
export class CurrentInput {
  readonly memory: SharedArrayBuffer;
  readonly #head: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(memory = new SharedArrayBuffer(HEAD_BYTES + MAX_INPUT)) {
    this.memory = memory;
    this.#head = new Int32Array(memory, 0, 2);
    this.#bytes = new Uint8Array(memory, HEAD_BYTES);
  }

  /** Counts the inputs so far; whoever waits sees it grow. */
  get count(): number {
    return Atomics.load(this.#head, 0);
  }

  begin(input: Uint8Array): void {
    this.#bytes.set(input.subarray(0, MAX_INPUT));
    Atomics.store(this.#head, 1, Math.min(input.length, MAX_INPUT));
    Atomics.add(this.#head, 0, 1);
  }

  read(): Uint8Array {
    return Uint8Array.from(this.#bytes.subarray(0, Atomics.load(this.#head, 1)));
  }
}
