/** How much of what was said was heard otherwise. */
export interface ErrorCount {
  /** Words that must be put in, left out or exchanged, at least. */
  readonly errors: number;
  /** Words that were said. */
  readonly words: number;
}

/** Compares words alone: neither case nor punctuation. */
export function wordErrors(said: string, heard: string): ErrorCount {
  const [meant, got] = [wordsIn(said), wordsIn(heard)];
  let row = Array.from({ length: got.length + 1 }, (_, i) => i);
  for (const [i, word] of meant.entries()) {
    const next = [i + 1];
    for (const [j, other] of got.entries()) {
      const [left = 0, above = 0, diagonal = 0] = [next[j], row[j + 1], row[j]];
      next.push(Math.min(left + 1, above + 1, diagonal + (word === other ? 0 : 1)));
    }
    row = next;
  }
  return { errors: row.at(-1) ?? 0, words: meant.length };
}

/** The word error of many sentences together: errors by words said. Of no words at all, 0 or as many as were heard. */
export function shareWrong(counts: readonly ErrorCount[]): number {
  const sum = (of: (count: ErrorCount) => number) => counts.reduce((total, count) => total + of(count), 0);
  return (
    sum(({ errors }) => errors) /
    Math.max(
      1,
      sum(({ words }) => words),
    )
  );
}

function wordsIn(text: string): readonly string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? [];
}
