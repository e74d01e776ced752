/** How many texts are kept, and how much memory they may take together: in models of a billion weights 8000 tokens or so. */
const MOST = { texts: 8, bytes: 512 * 2 ** 20 } as const;

/** A `Reading`, as far as it matters here. */
interface Copied<R> {
  readonly length: number;
  readonly bytes: number;
  copy(tokens: number): R;
}

interface Text<R> {
  readonly ids: readonly number[];
  readonly reading: R;
}

/**
 * The texts that were read last. A conversation that goes on begins as it ended before, and many begin with the same
 * instructions: what is known of a beginning is not read again.
 */
export class KeptReadings<R extends Copied<R>> {
  readonly #begin: () => R;
  /** The one kept last comes last. */
  #texts: readonly Text<R>[] = [];

  constructor(begin: () => R) {
    this.#begin = begin;
  }

  /** A reading of as much of the text's beginning as is known, but never of its last token: that one says what comes next. */
  recall(ids: readonly number[]): R {
    let [best, length]: [Text<R> | undefined, number] = [undefined, 0];
    for (const text of this.#texts) {
      const known = Math.min(alike(text.ids, ids), ids.length - 1);
      if (known > length) [best, length] = [text, known];
    }
    return best === undefined ? this.#begin() : best.reading.copy(length);
  }

  /** Keeps a reading that has read so much of a text as it has, in place of those of its beginning; the oldest make room. */
  keep(ids: readonly number[], reading: R): void {
    if (reading.length === 0 || reading.bytes > MOST.bytes) return;
    const text = { ids: ids.slice(0, reading.length), reading };
    const others = this.#texts.filter((other) => alike(other.ids, text.ids) < other.ids.length);
    let texts = [...others, text].slice(-MOST.texts);
    while (texts.reduce((sum, each) => sum + each.reading.bytes, 0) > MOST.bytes) texts = texts.slice(1);
    this.#texts = texts;
  }
}

/** How many tokens two texts begin with in common. */
function alike(a: readonly number[], b: readonly number[]): number {
  const different = a.findIndex((id, place) => id !== b[place]);
  return different < 0 ? a.length : different;
}
