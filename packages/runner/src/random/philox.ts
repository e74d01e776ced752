const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;
const TWO_POW_MINUS_32 = 2 ** -32;
const TWO_POW_MINUS_33 = 2 ** -33;

/**
 * Philox 4x32 with ten rounds, written into `block`: four words, which hold the counter on entry. Words are signed in
 * between, which is all the same to their bits and several times as fast.
 * Source: Salmon et al., "Parallel random numbers", 2011.
 */
export function philox(block: Uint32Array, keyLow: number, keyHigh: number): void {
  let c0 = (block[0] ?? 0) | 0;
  let c1 = (block[1] ?? 0) | 0;
  let c2 = (block[2] ?? 0) | 0;
  let c3 = (block[3] ?? 0) | 0;
  let k0 = keyLow | 0;
  let k1 = keyHigh | 0;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + WEYL_0) | 0;
    k1 = (k1 + WEYL_1) | 0;
  }
  block[0] = c0;
  block[1] = c1;
  block[2] = c2;
  block[3] = c3;
}

/** The upper half of the 64-bit product of two words, by halves of theirs: the whole would not fit a double. */
export function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const carry = (Math.imul(aLow, bHigh) + (middle & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (carry >>> 16)) | 0;
}

/**
 * One of the two standard normal numbers that two random words make, as CUDA makes them: the first is the sine, which is
 * also the only one a tensor uses as long as the GPU has a thread for each of its elements.
 */
export function boxMuller(a: number, b: number, isFirst: boolean): number {
  const radius = Math.sqrt(-2 * Math.log(a * TWO_POW_MINUS_32 + TWO_POW_MINUS_33));
  const angle = 2 * Math.PI * (b * TWO_POW_MINUS_32 + TWO_POW_MINUS_33);
  return radius * (isFirst ? Math.sin(angle) : Math.cos(angle));
}
