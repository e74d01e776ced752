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
  /** The tokens told last, which only say how the new ones are written, and the new ones, held back so far. */
  #told: readonly number[] = [];
  #held: number[] = [];
  #toldText = "";

  constructor(decode: Decode) {
    this.#decode = decode;
  }

  /** The text that a token adds, which may be none yet. */
  add(id: number): string {
    this.#held.push(id);
    return this.#next(this.#held.length >= MAX_HELD);
  }

  /** What was held back. */
  end(): string {
    return this.#next(true);
  }

  #next(isLast: boolean): string {
    const text = this.#decode([...this.#told, ...this.#held]);
    const isMore = text.length > this.#toldText.length;
    // Tokens without a text, such as special ones, are let go of: otherwise all of a long row of them is decoded each time.
    if (!isMore && isLast) this.#held = [];
    if (!isMore || (text.endsWith(INCOMPLETE) && !isLast)) return "";
    const added = text.slice(this.#toldText.length);
    this.#told = this.#held;
    this.#held = [];
    this.#toldText = this.#decode(this.#told);
    return added;
  }
}
