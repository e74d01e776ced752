const SIZE = 624;
const SHIFT = 397;
const MATRIX = 0x9908b0df;
const UPPER = 0x80000000;
const LOWER = 0x7fffffff;

/** The Mersenne Twister MT19937 with its standard seeding: a stream of 32-bit words. */
export function mersenneTwister(seed: number): () => number {
  const state = new Uint32Array(SIZE);
  let previous = seed >>> 0;
  state[0] = previous;
  for (let i = 1; i < SIZE; i++) {
    previous = (Math.imul(1812433253, previous ^ (previous >>> 30)) + i) >>> 0;
    state[i] = previous;
  }
  let position = SIZE;
  const at = (index: number) => state[index % SIZE] ?? 0;
  const refill = () => {
    for (let i = 0; i < SIZE; i++) {
      const word = (at(i) & UPPER) | (at(i + 1) & LOWER);
      state[i] = at(i + SHIFT) ^ (word >>> 1) ^ (word & 1 ? MATRIX : 0);
    }
    position = 0;
  };
  return () => {
    if (position === SIZE) refill();
    let word = at(position++);
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  };
}
