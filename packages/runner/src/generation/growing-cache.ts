import type { Port } from "../backend.ts";
import { firstOf, type Tensor, tensorOf, zeros } from "../tensor.ts";

/** Room is made for a quarter more tokens than are there, and for a whole number of these. */
const [AHEAD, STEP] = [1.25, 64] as const;

/**
 * A key or value that one layer keeps of every token: [1, heads, tokens, width]. A run reads it in one place and writes
 * the longer one to another; then the two change places. So nothing is copied, and nothing is made anew but now and then.
 */
export class GrowingCache {
  readonly #port: Port;
  readonly #heads: number;
  readonly #width: number;
  /** What goes into the next run. */
  past: Tensor;
  #storage: Tensor;
  #spare: Tensor;

  /** Throws `RangeError` for an input of another form. */
  constructor(port: Port) {
    const { heads, width } = sizesOf(port);
    this.#port = port;
    this.#heads = heads;
    this.#width = width;
    this.past = nothing(port);
    this.#storage = this.#spare = this.past;
  }

  /** Where a run may write what is kept of so many tokens. */
  roomFor(tokens: number): Tensor {
    const size = this.#heads * this.#width;
    if (this.#spare.data.length < tokens * size) {
      const most = Math.ceil((tokens * AHEAD) / STEP) * STEP;
      this.#spare = zeros(this.#port.type, [most * size]);
    }
    return firstOf(this.#spare, [1, this.#heads, tokens, this.#width]);
  }

  /** What a run gave, in the room it had or in memory of its own. */
  take(present: Tensor): void {
    this.past = present;
    if (present.data.buffer !== this.#spare.data.buffer) return;
    [this.#storage, this.#spare] = [this.#spare, this.#storage];
  }

  /** Forgets all but the first tokens. */
  keep(tokens: number): void {
    const [, , had = 0] = this.past.dims;
    if (tokens >= had) return;
    const { data } = this.past;
    for (let head = 1; head < this.#heads; head++) {
      const from = head * had * this.#width;
      data.copyWithin(head * tokens * this.#width, from, from + tokens * this.#width);
    }
    this.past = firstOf(this.past, [1, this.#heads, tokens, this.#width]);
  }
}

/** No tokens at all. */
export function nothing(port: Port): Tensor {
  const { heads, width } = sizesOf(port);
  return tensorOf(port.type, [], [1, heads, 0, width]);
}

function sizesOf({ name, dims: [, heads, , width] }: Port): { readonly heads: number; readonly width: number } {
  if (typeof heads !== "number" || typeof width !== "number")
    throw new RangeError(`the file does not say how many numbers ${name} has`);
  return { heads, width };
}
