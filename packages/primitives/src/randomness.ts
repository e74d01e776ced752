/** Chance, handed in. The real one is cryptographically secure; tests hand in a seeded one. */
export interface Randomness {
  /** `length` unpredictable bytes. */
  bytes(length: number): Uint8Array;
  /** A uniform number in [0, 1) with at least 32 random bits. */
  uniform(): number;
}
