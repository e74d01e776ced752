/** The largest difference that may be between our numbers and the reference's. Source: runner-and-models 7.19. */
export const TOLERANCE = {
  pixels: 1e-5,
  scores: 1e-4,
  masks: 1e-3,
  text: 1e-4,
  denoiser: 1e-3,
  decoder: 3e-4,
  latents: 1e-3,
  logits: 1e-3,
  samples: 1e-3,
  spectrogram: 1e-5,
  /** Three answers are weighed against each other up to nine times, and so are the roundings of each. */
  latentsByInstruction: 1e-2,
} as const;

/**
 * In decibels, of whole pictures at full precision. The specification asks for 40; pictures of two methods may be 35 apart,
 * and single precision leaves room for more.
 */
export const LEAST_PSNR = 50;

/** How alike two pictures are, in decibels; infinite for equal ones. */
export function psnr(ours: Uint8Array, theirs: Uint8Array): number {
  const sum = ours.reduce((total, value, index) => total + (value - (theirs[index] ?? 0)) ** 2, 0);
  return 10 * Math.log10(255 ** 2 / (sum / ours.length));
}
