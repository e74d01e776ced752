import { likeliest } from "../generation/sampling.ts";
import type { Reading } from "../generation/token-reader.ts";
import { writeTokens } from "../generation/write-tokens.ts";
import type { RunContext } from "../implementation.ts";
import type { ModelSettings } from "../model-settings.ts";

/** How a model's captions are written, as `generation_config.json` says. Source: runner-and-models 7.12. */
export interface CaptionRules {
  /** Tokens that beginning and caption have together at most. */
  readonly length: number;
  /** Any of these ends a caption. */
  readonly ends: ReadonlySet<number>;
  /** What comes after a beginning of one token. */
  readonly first?: number;
  /** What comes last where there is no more room. */
  readonly last?: number;
  /** So many tokens in a row come but once; 0 for any number. */
  readonly once: number;
}

/** The rules of a model; those of its family hold where its file is silent. */
export function captionRules(
  generation: ModelSettings,
  family: { readonly length: number; readonly end: number },
): CaptionRules {
  const [first, last] = [generation.findNumber("forced_bos_token_id"), generation.findNumber("forced_eos_token_id")];
  const ends = generation.numbersOf("eos_token_id");
  return {
    length: generation.number("max_length", family.length),
    ends: new Set(ends.length === 0 ? [family.end] : ends),
    ...(first !== undefined && { first }),
    ...(last !== undefined && { last }),
    once: generation.number("no_repeat_ngram_size", 0),
  };
}

/**
 * The likeliest caption after a beginning, without it and without its end. Throws "runner.failed" for a model whose numbers
 * are none, and the signal's reason within a token.
 */
export async function writtenCaption(
  reading: Reading,
  beginning: readonly number[],
  rules: CaptionRules,
  { signal, onProgress }: RunContext,
): Promise<readonly number[]> {
  const most = rules.length - beginning.length;
  const caption: number[] = [];
  let step = 0;
  const tokens = writeTokens({
    reading,
    prompt: beginning,
    most,
    ends: rules.ends,
    choose: (logits, said) => nextToken(logits, [...beginning, ...said], rules),
    signal,
  });
  for await (const token of tokens) {
    step += 1;
    onProgress({ kind: "step", image: 0, step, of: most });
    if (!rules.ends.has(token)) caption.push(token);
  }
  return caption;
}

/** The likeliest token after others that the rules allow. Changes the numbers. */
export function nextToken(
  logits: Float32Array,
  before: readonly number[],
  { length, first, last, once }: CaptionRules,
): number {
  if (first !== undefined && before.length === 1) return first;
  if (last !== undefined && before.length === length - 1) return last;
  if (once > 0) for (const token of repeating(before, once)) logits[token] = Number.NEGATIVE_INFINITY;
  return likeliest(logits);
}

/** What came after the last tokens before, wherever they stood already. */
function repeating(before: readonly number[], size: number): readonly number[] {
  const end = before.length - size + 1;
  if (end < 0) return [];
  const last = before.slice(end);
  return before.filter((_, index) => {
    const start = index - last.length;
    return start >= 0 && start < end && last.every((token, place) => before[start + place] === token);
  });
}
