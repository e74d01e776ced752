/** How loud each speaker is in a mix for one, in the order of the bits of a WAV's speaker mask. */
const FRONT = Math.SQRT1_2;
const SURROUND = 0.5;
const SPEAKERS: readonly number[] = [
  FRONT, // left
  FRONT, // right
  1, // centre, where speech is
  0, // low frequencies
  SURROUND, // back left
  SURROUND, // back right
  FRONT, // left of centre
  FRONT, // right of centre
  SURROUND, // back centre
  SURROUND, // side left
  SURROUND, // side right
];

/** The speakers that a number of channels is for when a file does not say. */
const USUAL: Readonly<Record<number, number>> = { 3: 0x7, 4: 0x33, 5: 0x37, 6: 0x3f, 7: 0x13f, 8: 0x63f };

/**
 * The share of each channel in a mix for one speaker, one in sum, so that nothing is ever louder than it was. Surround sound
 * is weighed as the FFmpeg libraries do; channels of no known place are all the same.
 */
export function mixingOf(channels: number, mask: number): readonly number[] {
  const speakers = mask === 0 ? (USUAL[channels] ?? 0) : mask;
  const known = SPEAKERS.filter((_, bit) => ((speakers >>> bit) & 1) === 1);
  const shares = known.length === channels ? known : new Array<number>(channels).fill(1);
  const sum = shares.reduce((total, share) => total + share, 0);
  return sum === 0 ? mixingOf(channels, NO_PLACES) : shares.map((share) => share / sum);
}

/** A mask of no speaker that is known here. */
const NO_PLACES = 0x8000_0000;
