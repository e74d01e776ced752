/** Turns token ids into text. */
export type Decode = (ids: readonly number[]) => string;

/** What a tokenizer makes of bytes that are no whole character yet. */
const INCOMPLETE = "\uFFFD";
/** Longer than any character takes: what is still not whole by then never will be. */
const MAX_HELD = 8;

/**
 * The text of tokens as they come. A character whose bytes are spread over several tokens is held back until it is whole;
 * each token is decoded next to the ones before it, because some tokenizers write it differently at the beginning.
 */
export class TokenText {
  readonly #decode: Decode;
  readonly #ids: number[] = [];
  /** Tokens before this are settled and only looked at for what stands before the new ones. */
  #context = 0;
  /** Tokens before this have been told. */
  #told = 0;

  constructor(decode: Decode) {
    this.#decode = decode;
  }

  /** The text that a token adds, which may be none yet. */
  add(id: number): string {
    this.#ids.push(id);
    return this.#next(this.#ids.length - this.#told >= MAX_HELD);
  }

  /** What was held back. */
  end(): string {
    return this.#next(true);
  }

  #next(isLast: boolean): string {
    const before = this.#decode(this.#ids.slice(this.#context, this.#told));
    const now = this.#decode(this.#ids.slice(this.#context));
    if (now.length <= before.length || (now.endsWith(INCOMPLETE) && !isLast)) return "";
    this.#context = this.#told;
    this.#told = this.#ids.length;
    return now.slice(before.length);
  }
}
