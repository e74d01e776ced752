import { turn } from "../diffusion/denoise.ts";
import { rejected } from "../rejected.ts";

/** A rectangle of numbers that are found a row at a time, so that a large one never lies in memory whole. */
export interface Rows {
  readonly width: number;
  readonly height: number;
  row(y: number): Float32Array;
}

/** How numbers are written. */
export interface Writing {
  readonly number: (value: number) => string;
  /** Characters a number takes with its comma, more or less. */
  readonly characters: number;
}

/** Nine digits tell every number of single precision from every other. */
const DIGITS = 9;

export const asLogits: Writing = { number: (value) => value.toPrecision(DIGITS), characters: 13 };
/** What lies in the mask and what does not. */
export const asBits: Writing = { number: (value) => (value > 0 ? "1.0" : "0.0"), characters: 4 };

/** All of an answer must fit what nodes take from a runner, 256 MiB. Source: runner-and-models 8.1. */
const MAX_CHARACTERS = 240_000_000;
/** Numbers that are written between two looks at the signal: some 10 ms. */
const NUMBERS_PER_TURN = 65_536;

/** Throws "request.rejected-by-model" when so many numbers would be too long a text. */
export function refuseTooLong(numbers: number, { characters }: Writing): void {
  if (numbers * characters > MAX_CHARACTERS) throw tooLong();
}

/**
 * Rectangles as JSON text, `[[[…],…],…]`.
 *
 * Throws "request.rejected-by-model" when the text would be too long, and the signal's reason.
 */
export async function writtenRows(
  rectangles: readonly Rows[],
  { number }: Writing,
  signal: AbortSignal,
): Promise<string> {
  let length = 0;
  let sinceTurn = 0;
  const texts: string[] = [];
  for (const rectangle of rectangles) {
    const rows: string[] = [];
    for (let y = 0; y < rectangle.height; y++) {
      const row = `[${Array.from(rectangle.row(y), number).join(",")}]`;
      length += row.length + 1;
      if (length > MAX_CHARACTERS) throw tooLong();
      rows.push(row);
      sinceTurn += rectangle.width;
      if (sinceTurn < NUMBERS_PER_TURN) continue;
      await turn(signal);
      sinceTurn = 0;
    }
    texts.push(`[${rows.join(",")}]`);
  }
  return `[${texts.join(",")}]`;
}

function tooLong() {
  return rejected("image: the masks of so large a picture do not fit an answer; ask for one mask, or for no logits");
}
