/** Whole numbers below a bound, the same for the same seed. */
export type Draw = (bound: number) => number;

/** The largest input tried: enough for anything quadratic to show. */
export const MAX_INPUT = 256 * 1024;

/** Mutations of one input at a time. Mostly few, so that most of a format stays intact. */
const MAX_MUTATIONS = 8;

/** Where counts, lengths and offsets go wrong. */
const NUMBERS = [0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff];
const CHARACTERS = '\r\n\t "\\/,;:=-+.0189{}[]<>&%\0\x7fé€😀';

/** mulberry32: short, and good enough to wander with. */
export function drawFrom(seed: number): Draw {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

/** A changed copy of `input`, now and then grown together with another one. */
export function mutate(
  input: Uint8Array,
  others: readonly Uint8Array[],
  words: readonly Uint8Array[],
  draw: Draw,
): Uint8Array {
  let bytes: Buffer = Buffer.from(input);
  for (let left = 1 + Math.min(draw(MAX_MUTATIONS), draw(MAX_MUTATIONS)); left > 0; left -= 1) {
    const mutation = mutations[draw(mutations.length)] ?? flipBit;
    bytes = mutation({ bytes, others, words, draw });
    if (bytes.length > MAX_INPUT) bytes = bytes.subarray(0, MAX_INPUT);
  }
  return bytes;
}

interface Material {
  readonly bytes: Buffer;
  readonly others: readonly Uint8Array[];
  readonly words: readonly Uint8Array[];
  readonly draw: Draw;
}
type Mutation = (material: Material) => Buffer;

const flipBit: Mutation = ({ bytes, draw }) => {
  if (bytes.length === 0) return bytes;
  const at = draw(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << draw(8));
  return bytes;
};

const setByte: Mutation = ({ bytes, draw }) => {
  if (bytes.length > 0) bytes[draw(bytes.length)] = draw(256);
  return bytes;
};

const setNumber: Mutation = ({ bytes, draw }) => {
  const size = [1, 2, 4][draw(3)] ?? 1;
  if (bytes.length < size) return bytes;
  const at = draw(bytes.length - size + 1);
  const nearby = (NUMBERS[draw(NUMBERS.length)] ?? 0) + draw(3) - 1;
  const value = ((nearby >>> 0) % 2 ** (8 * size)) >>> 0;
  if (draw(2) === 0) bytes.writeUIntBE(value, at, size);
  else bytes.writeUIntLE(value, at, size);
  return bytes;
};

/** A number of any length, as protobuf writes it. */
const setVarint: Mutation = ({ bytes, draw }) => {
  const length = 1 + draw(10);
  const digits = Uint8Array.from({ length }, (_, index) => draw(128) | (index < length - 1 ? 0x80 : 0));
  const at = draw(bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, at), digits, bytes.subarray(at + draw(3))]);
};

const setCharacter: Mutation = ({ bytes, draw }) => {
  const characters = [...CHARACTERS];
  return insert(bytes, Buffer.from(characters[draw(characters.length)] ?? "\0"), draw, draw(2));
};

const writeWord: Mutation = ({ bytes, words, draw }) => {
  const word = words[draw(Math.max(1, words.length))];
  return word === undefined ? bytes : insert(bytes, word, draw, draw(2) * word.length);
};

const remove: Mutation = ({ bytes, draw }) => {
  const { from, to } = range(bytes, draw);
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
};

const truncate: Mutation = ({ bytes, draw }) => bytes.subarray(0, draw(bytes.length + 1));

const repeat: Mutation = ({ bytes, draw }) => {
  const { from, to } = range(bytes, draw);
  const slice = bytes.subarray(from, to);
  if (slice.length === 0) return bytes;
  // Seldom very often: that is where what is quadratic takes too long.
  const most = draw(16) === 0 ? MAX_INPUT : 16;
  const times = Math.max(1, Math.min(1 + draw(most), Math.floor((MAX_INPUT - bytes.length) / slice.length)));
  return Buffer.concat([bytes.subarray(0, to), ...Array.from({ length: times }, () => slice), bytes.subarray(to)]);
};

const splice: Mutation = ({ bytes, others, draw }) => {
  const other = others[draw(Math.max(1, others.length))] ?? bytes;
  return Buffer.concat([bytes.subarray(0, draw(bytes.length + 1)), other.subarray(draw(other.length + 1))]);
};

const copyFrom: Mutation = ({ bytes, others, draw }) => {
  const other = Buffer.from(others[draw(Math.max(1, others.length))] ?? bytes);
  const { from, to } = range(other, draw);
  return insert(bytes, other.subarray(from, to), draw, 0);
};

const changeDigits: Mutation = ({ bytes, draw }) => {
  const digit = bytes.findIndex(
    (byte, index) => byte >= 0x30 && byte <= 0x39 && (index === bytes.length - 1 || draw(4) === 0),
  );
  if (digit < 0) return bytes;
  const texts = [
    "",
    "-",
    "0",
    "00",
    "1e309",
    "1e-7",
    "9007199254740993",
    "18446744073709551616",
    "-1",
    "0x10",
    "NaN",
    "1".repeat(400),
  ];
  const number = Buffer.from(texts[draw(texts.length)] ?? "");
  return Buffer.concat([bytes.subarray(0, digit), number, bytes.subarray(digit + 1)]);
};

const mutations: readonly Mutation[] = [
  flipBit,
  setByte,
  setNumber,
  setVarint,
  setCharacter,
  writeWord,
  writeWord,
  remove,
  truncate,
  repeat,
  splice,
  copyFrom,
  changeDigits,
];

function insert(bytes: Buffer, piece: Uint8Array, draw: Draw, over: number): Buffer {
  const at = draw(bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + over)]);
}

function range(bytes: Buffer, draw: Draw): { readonly from: number; readonly to: number } {
  const from = draw(bytes.length + 1);
  const longest = draw(4) === 0 ? bytes.length - from : Math.min(32, bytes.length - from);
  return { from, to: from + draw(longest + 1) };
}
