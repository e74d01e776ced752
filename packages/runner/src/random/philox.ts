const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;
const TWO_POW_MINUS_32 = 2 ** -32;
const TWO_POW_MINUS_33 = 2 ** -33;

/** A block of four 32-bit words that a counter and a key become. Source: Salmon et al., "Parallel random numbers", 2011. */
export type PhiloxBlock = [number, number, number, number];

/** Philox 4x32 with ten rounds, written into `block`, which holds the counter on entry. */
export function philox(block: PhiloxBlock, keyLow: number, keyHigh: number): void {
  let [c0, c1, c2, c3] = block;
  let k0 = keyLow >>> 0;
  let k1 = keyHigh >>> 0;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low0 = Math.imul(MULTIPLIER_0, c0) >>> 0;
    const low1 = Math.imul(MULTIPLIER_1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  block[0] = c0;
  block[1] = c1;
  block[2] = c2;
  block[3] = c3;
}

/** The upper 32 bits of a 64-bit product, by halves: the product itself would not fit a double. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0;
}

/**
 * Two standard normal numbers from two random words, as CUDA makes them: the first is the sine, which is also the only
 * one a tensor uses as long as the GPU has a thread for each of its elements.
 */
export function boxMuller(a: number, b: number): readonly [sine: number, cosine: number] {
  const radius = Math.sqrt(-2 * Math.log(a * TWO_POW_MINUS_32 + TWO_POW_MINUS_33));
  const angle = 2 * Math.PI * (b * TWO_POW_MINUS_32 + TWO_POW_MINUS_33);
  return [radius * Math.sin(angle), radius * Math.cos(angle)];
}
