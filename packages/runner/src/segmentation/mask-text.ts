import { rejected } from "../rejected.ts";
import { turn } from "../turn.ts";
import { MAX_CHARACTERS, type WriteNumbers, writeFloats, writeSigns } from "./number-text.ts";

/** A rectangle of numbers that are found a row at a time, so that a large one never lies in memory whole. */
export interface Rows {
  readonly width: number;
  readonly height: number;
  /** Puts a row's numbers into the array, which has its width. */
  fill(row: Float32Array, y: number): void;
}

/** How numbers are written. */
export interface Writing {
  readonly write: WriteNumbers;
  /** Characters a number takes with its comma, more or less. */
  readonly characters: number;
}

export const asLogits: Writing = { write: writeFloats, characters: 11 };
/** What lies in the mask and what does not. */
export const asBits: Writing = { write: writeSigns, characters: 4 };

/** All of an answer must fit what nodes take from a runner, 256 MiB. Source: runner-and-models 8.1. */
const MAX_TEXT = 240_000_000;
/** Numbers that are written between two looks at the signal: some 10 ms. */
const NUMBERS_PER_TURN = 2 ** 19;

/** Throws "request.rejected-by-model" when so many numbers would be too long a text. */
export function refuseTooLong(numbers: number, { characters }: Writing): void {
  if (numbers * characters > MAX_TEXT) throw tooLong();
}

/**
 * Rectangles as JSON text, `[[[…],…],…]`.
 *
 * Throws "request.rejected-by-model" when the text would be too long, and the signal's reason.
 */
export async function writtenRows(
  rectangles: readonly Rows[],
  { write, characters }: Writing,
  signal: AbortSignal,
): Promise<string> {
  const text = new ListText(rectangles.reduce((sum, { width, height }) => sum + width * height, 0) * characters);
  let sinceTurn = 0;
  text.open();
  for (const rectangle of rectangles) {
    const row = new Float32Array(rectangle.width);
    text.open();
    for (let y = 0; y < rectangle.height; y++) {
      rectangle.fill(row, y);
      text.open();
      text.add(row, write);
      text.close();
      if (text.length > MAX_TEXT) throw tooLong();
      sinceTurn += rectangle.width;
      if (sinceTurn < NUMBERS_PER_TURN) continue;
      await turn(signal);
      sinceTurn = 0;
    }
    text.close();
  }
  text.close();
  return text.toString();
}

function tooLong() {
  return rejected("image", "the masks of so large a picture do not fit an answer; ask for one mask, or for no logits");
}

const [COMMA, OPEN, CLOSE] = [0x2c, 0x5b, 0x5d] as const;

/** JSON text of lists in lists. Memory that is set aside and not written to costs nothing. */
class ListText {
  #bytes: Buffer;
  #view: DataView;
  #length = 0;

  constructor(expected: number) {
    this.#bytes = Buffer.allocUnsafeSlow(expected);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  open(): void {
    this.#makeRoom(1);
    this.#bytes[this.#length++] = OPEN;
  }

  add(numbers: Float32Array, write: WriteNumbers): void {
    this.#makeRoom(numbers.length * MAX_CHARACTERS);
    this.#length = write(numbers, this.#view, this.#length);
  }

  /** Takes the place of the comma behind the last of the list. */
  close(): void {
    this.#makeRoom(2);
    if (this.#bytes[this.#length - 1] === COMMA) this.#length -= 1;
    this.#bytes[this.#length++] = CLOSE;
    this.#bytes[this.#length++] = COMMA;
  }

  toString(): string {
    return this.#bytes.toString("latin1", 0, this.#length - 1);
  }

  #makeRoom(bytes: number): void {
    const wanted = this.#length + bytes;
    if (wanted <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(wanted, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
