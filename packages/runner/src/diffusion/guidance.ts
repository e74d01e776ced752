/** Up to here the prompt is not weighed against the negative one, and the model runs once a step. */
const NO_GUIDANCE = 1;

export function isGuided(scale: number): boolean {
  return scale > NO_GUIDANCE;
}

/** Classifier-free guidance: from the answer without the prompt, `scale` times as far as the one with it. */
export function guided(without: Float32Array, withPrompt: Float32Array, scale: number): Float32Array {
  const result = new Float32Array(without.length);
  for (let i = 0; i < result.length; i++) {
    const base = without[i] ?? 0;
    result[i] = base + scale * ((withPrompt[i] ?? 0) - base);
  }
  return result;
}

const WEIGHT_SCALE = 1000;
const LONGEST_WAVE = 10_000;

/**
 * A guidance scale as consistency models read it: sines, then cosines of (scale − 1) at frequencies between 1 and 1/10000.
 * Rounded to single precision where the reference rounds: a phase of a thousand keeps only four digits after the point.
 * Source: runner-and-models 7.5.7.
 */
export function guidanceEmbedding(scale: number, width: number): Float32Array {
  const half = Math.floor(width / 2);
  const value = Math.fround(WEIGHT_SCALE * Math.fround(scale - 1));
  const decay = Math.fround(Math.fround(Math.log(LONGEST_WAVE)) / (half - 1));
  const embedding = new Float32Array(width);
  for (let i = 0; i < half; i++) {
    const phase = Math.fround(value * Math.fround(Math.exp(Math.fround(-i * decay))));
    embedding[i] = Math.sin(phase);
    embedding[half + i] = Math.cos(phase);
  }
  return embedding;
}
