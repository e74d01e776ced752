/** Up to here the prompt is not weighed against the negative one, and the model runs once a step. */
const NO_GUIDANCE = 1;

export function isGuided(scale: number): boolean {
  return scale > NO_GUIDANCE;
}

/** What a step asks the model, question by question, and how the answers make one. */
export interface Guidance<Question> {
  readonly questions: readonly Question[];
  combine(answers: readonly Float32Array[]): Float32Array;
}

/** One question, whose answer is taken as it is. */
export function unguided<Question>(question: Question): Guidance<Question> {
  return { questions: [question], combine: ([answer]) => given(answer) };
}

/** Classifier-free guidance: from the answer without the prompt, `scale` times as far as the one with it. */
export function steered<Question>(without: Question, withPrompt: Question, scale: number): Guidance<Question> {
  return {
    questions: [without, withPrompt],
    combine: ([base, wanted]) => guided(given(base), given(wanted), scale),
  };
}

/** The questions of a model that edits a picture by instruction. */
export interface EditQuestions<Question> {
  readonly withBoth: Question;
  readonly withImage: Question;
  readonly withNeither: Question;
}

/**
 * Two guidances at once: away from no picture, `imageScale` times, and from no instruction, `scale` times.
 * Source: runner-and-models 7.5.6.
 */
export function edited<Question>(
  { withBoth, withImage, withNeither }: EditQuestions<Question>,
  scale: number,
  imageScale: number,
): Guidance<Question> {
  return {
    questions: [withBoth, withImage, withNeither],
    combine: (answers) => {
      const [both, image, neither] = [given(answers[0]), given(answers[1]), given(answers[2])];
      return neither.map((base, i) => {
        const seen = image[i] ?? 0;
        return base + scale * ((both[i] ?? 0) - seen) + imageScale * (seen - base);
      });
    },
  };
}

/** From `without`, `scale` times as far as `withPrompt`. */
export function guided(without: Float32Array, withPrompt: Float32Array, scale: number): Float32Array {
  const result = new Float32Array(without.length);
  for (let i = 0; i < result.length; i++) {
    const base = without[i] ?? 0;
    result[i] = base + scale * ((withPrompt[i] ?? 0) - base);
  }
  return result;
}

function given(answer: Float32Array | undefined): Float32Array {
  if (answer === undefined) throw new RangeError("the model gave no answer");
  return answer;
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
