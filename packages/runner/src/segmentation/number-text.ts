/**
 * Writes numbers as ASCII from `at` on, a comma behind each, and says where the text ends. There must be room for
 * `MAX_CHARACTERS` a number.
 */
export type WriteNumbers = (numbers: Float32Array, text: DataView, at: number) => number;

/** The longest that a number can be, with its comma: `-0.00000123456789,`. */
export const MAX_CHARACTERS = 18;

/** One for numbers above zero and nought for others. */
export function writeSigns(numbers: Float32Array, text: DataView, at: number): number {
  for (let i = 0; i < numbers.length; i++) text.setUint32(at + i * 4, (numbers[i] ?? 0) > 0 ? ONE : NOUGHT);
  return at + numbers.length * 4;
}

/**
 * As many decimals as it takes to read the same number of single precision again: they stand closer than such numbers do,
 * which from 1 on takes seven, from 1/8 on eight, from 1/1024 on ten. The few that are smaller, or too large to be held as
 * a whole number and its decimals, are written the engine's way, which takes thirty times as long.
 */
export function writeFloats(numbers: Float32Array, text: DataView, start: number): number {
  let at = start;
  for (let i = 0; i < numbers.length; i++) {
    let number = numbers[i] ?? 0;
    if (number < 0) {
      text.setUint8(at++, MINUS);
      number = -number;
    }
    if (number < 2 ** -10 || number >= 2 ** 24) at = writeOther(number, text, at);
    else if (number >= 1) {
      const whole = Math.trunc(number);
      at = writeWhole(whole, text, at);
      writeEight(Math.round((number - whole) * 1e7), text, at);
      text.setUint8(at, POINT);
      at += 8;
    } else if (number >= 1 / 8) {
      text.setUint16(at, NOUGHT_POINT);
      writeEight(Math.round(number * 1e8), text, at + 2);
      at += 10;
    } else {
      const decimals = Math.round(number * 1e10);
      const first = Math.trunc(decimals / 1e8);
      text.setUint32(at, FOUR_DIGITS[first] ?? 0);
      text.setUint16(at, NOUGHT_POINT);
      writeEight(decimals - first * 1e8, text, at + 4);
      at += 12;
    }
    text.setUint8(at++, COMMA);
  }
  return at;
}

/** A number's eight last digits. */
function writeEight(number: number, text: DataView, at: number): void {
  const high = Math.trunc(number / 1e4);
  text.setUint32(at, FOUR_DIGITS[high] ?? 0);
  text.setUint32(at + 4, FOUR_DIGITS[number - high * 1e4] ?? 0);
}

function writeWhole(whole: number, text: DataView, at: number): number {
  if (whole < 10) {
    text.setUint8(at, ZERO + whole);
    return at + 1;
  }
  const end = writeWhole(Math.trunc(whole / 10), text, at);
  text.setUint8(end, ZERO + (whole % 10));
  return end + 1;
}

/** Nine digits tell every number of single precision from every other. */
const DIGITS = 9;

function writeOther(number: number, text: DataView, at: number): number {
  const written = number.toPrecision(DIGITS);
  for (let i = 0; i < written.length; i++) text.setUint8(at + i, written.charCodeAt(i));
  return at + written.length;
}

const [COMMA, MINUS, POINT, ZERO] = [0x2c, 0x2d, 0x2e, 0x30] as const;
const [ONE, NOUGHT, NOUGHT_POINT] = [word("1.0,"), word("0.0,"), word("0.")] as const;

/** Numbers of four digits, as words. */
const FOUR_DIGITS = Uint32Array.from({ length: 10_000 }, (_, number) =>
  [1000, 100, 10, 1].reduce((word, unit) => word * 256 + ZERO + (Math.trunc(number / unit) % 10), 0),
);

function word(characters: string): number {
  return Buffer.from(characters).readUIntBE(0, characters.length);
}
