/** A token that was written down, and when it sounds, in seconds from the beginning of all. */
export interface Said {
  readonly id: number;
  readonly begin: number;
  readonly end: number;
}

/** What was said between two timestamps; either is unknown where the sound was cut. */
export interface Sentence {
  readonly begin: number | undefined;
  readonly end: number | undefined;
  readonly tokens: readonly Said[];
}

/** What was written down of one window. */
export interface WindowTokens {
  /** Without the prompt. */
  readonly tokens: readonly number[];
  /** When each of the tokens has sounded, in seconds of the window; for times of words. */
  readonly times?: readonly number[];
  /** The window's length, and how much of it the windows before and after hear as well, in seconds. */
  readonly length: number;
  readonly left: number;
  readonly right: number;
}

/** How a model writes times. */
export interface TimeTokens {
  /** Ids from here on are timestamps, `precision` seconds apart; those from `special` to there are no text. */
  readonly first: number;
  readonly special: number;
  readonly precision: number;
}

/**
 * The sentences of windows that overlap, in their order. A timestamp in what two windows hear is left to the one that hears
 * what follows; tokens that both wrote down are there once. Source: runner-and-models 7.11.
 */
export function sentencesOf(windows: readonly WindowTokens[], times: TimeTokens): readonly Sentence[] {
  const merger = new Merger(times);
  for (const window of windows) merger.add(window);
  return merger.end();
}

class Merger {
  readonly #times: TimeTokens;
  readonly #sentences: Sentence[] = [];
  /** What each window has of the sentence that is not over yet. */
  #parts: (readonly Said[])[] = [];
  #begin: number | undefined;
  /** Whether the next timestamp belongs to one that was passed over: they come in pairs. */
  #passesOver = false;
  /** Where the next window begins that overlaps nothing. */
  #offset = 0;

  constructor(times: TimeTokens) {
    this.#times = times;
  }

  add({ tokens, times = [], length, left, right }: WindowTokens): void {
    const { first, special, precision } = this.#times;
    const offset = this.#offset - left;
    const late = this.#firstLateTime(tokens, right > 0 ? length - right : undefined);
    const early = first + left / precision;
    let part: Said[] = [];
    for (const [index, id] of tokens.entries())
      if (id >= first) {
        if (id >= late) this.#passesOver = true;
        else if (this.#passesOver || (this.#parts.length > 0 && id < early)) this.#passesOver = false;
        else if (this.#close(part, inHundredths(offset + (id - first) * precision))) part = [];
      } else if (id < special)
        part.push({
          id,
          begin: inHundredths(offset + (times[index - 1] ?? 0)),
          end: inHundredths(offset + (times[index] ?? 0)),
        });
    this.#offset = offset + length - right;
    if (part.length > 0) this.#parts.push(part);
    else if (this.#parts.every((each) => each.length === 0)) this.#forget();
  }

  end(): readonly Sentence[] {
    if (this.#parts.length > 0) this.#tell(undefined);
    return this.#sentences;
  }

  /** The first timestamp that the next window hears as well; the last of all counts as such even when it does not. */
  #firstLateTime(tokens: readonly number[], end: number | undefined): number {
    if (end === undefined) return Number.POSITIVE_INFINITY;
    const { first, precision } = this.#times;
    const found = tokens.filter((id) => id >= first);
    const early = found.findLastIndex((id, index) => index < found.length - 1 && (id - first) * precision < end);
    return found[early + 1] ?? Number.POSITIVE_INFINITY;
  }

  /** A timestamp: the beginning of a sentence or the end of one. Says whether it took the part. */
  #close(part: readonly Said[], time: number): boolean {
    if (this.#begin === undefined) this.#begin = time;
    // A sentence that lasts no time is a beginning that was written twice.
    else if (time !== this.#begin) {
      this.#parts.push(part);
      this.#tell(time);
      return true;
    }
    return false;
  }

  #tell(end: number | undefined): void {
    this.#sentences.push({ begin: this.#begin, end, tokens: rising(joined(this.#parts)) });
    this.#forget();
  }

  #forget(): void {
    this.#parts = [];
    this.#begin = undefined;
  }
}

/**
 * One sequence of several that overlap: each two are laid over one another where the largest share of tokens is the same, and
 * cut in the middle of that, because windows hear worst at their edges.
 */
function joined(parts: readonly (readonly Said[])[]): readonly Said[] {
  let [left = [], ...others] = parts;
  const whole: Said[] = [];
  for (const right of others) {
    const { leftFrom, leftTo, rightFrom, rightTo } = overlapOf(left, right);
    whole.push(...left.slice(0, (leftFrom + leftTo) >> 1));
    left = right.slice((rightFrom + rightTo) >> 1);
  }
  return [...whole, ...left];
}

/** Prefers a long overlap to a short one of the same share. */
const LENGTH_BONUS = 1 / 10_000;

function overlapOf(left: readonly Said[], right: readonly Said[]) {
  let most = 0;
  let best = { leftFrom: left.length, leftTo: left.length, rightFrom: 0, rightTo: 0 };
  for (let shift = 1; shift < left.length + right.length; shift++) {
    const leftFrom = Math.max(0, left.length - shift);
    const leftTo = Math.min(left.length, left.length + right.length - shift);
    const rightFrom = Math.max(0, shift - left.length);
    let same = 0;
    for (let i = 0; i < leftTo - leftFrom; i++) if (areSame(left[leftFrom + i], right[rightFrom + i])) same++;
    const share = same / shift + shift * LENGTH_BONUS;
    if (same <= 1 || share <= most) continue;
    most = share;
    best = { leftFrom, leftTo, rightFrom, rightTo: rightFrom + leftTo - leftFrom };
  }
  return best;
}

/** By how much two windows that hear the same may tell its time differently, in seconds. */
const JITTER = 0.3;

/** The same token, and not heard earlier by the later window, but for what attention is out by. */
function areSame(left: Said | undefined, right: Said | undefined): boolean {
  if (left === undefined || right === undefined || left.id !== right.id) return false;
  // A window may hear a word begin and not end: where it begins earlier, its end says nothing.
  return left.begin < right.begin || (left.begin <= right.begin + JITTER && left.end <= right.end + JITTER);
}

/** The tokens without the little steps back in time that joining windows makes; a larger one tells of two different things. */
function rising(tokens: readonly Said[]): readonly Said[] {
  let last = 0;
  return tokens.map(({ id, begin, end }) => {
    const from = begin < last && begin + JITTER >= last ? last : begin;
    last = Math.max(end, from);
    return { id, begin: from, end: last };
  });
}

function inHundredths(seconds: number): number {
  return Math.round(seconds * 100) / 100;
}
