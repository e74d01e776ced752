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
  /** When each of the tokens has sounded, in seconds of the window, where that is known. */
  readonly times?: readonly number[] | undefined;
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
 *
 * Where it is known when tokens sound, what windows hear differently is there once as well, and times never go back: the
 * reference writes down both.
 */
export function sentencesOf(windows: readonly WindowTokens[], times: TimeTokens): readonly Sentence[] {
  const merger = new Merger(times);
  for (const window of windows) merger.add(window);
  return inOrder(merger.end());
}

/** What one window has of a sentence. */
interface Part {
  readonly said: readonly Said[];
  /** Where the window takes over from the one before, in the middle of what both hear; where times are known. */
  readonly from: number | undefined;
}

class Merger {
  readonly #times: TimeTokens;
  readonly #sentences: Sentence[] = [];
  /** What each window has of the sentence that is not over yet. */
  #parts: Part[] = [];
  #begin: number | undefined;
  /** Whether the next timestamp belongs to one that was passed over: they come in pairs. */
  #passesOver = false;
  /** Where the next window begins that overlaps nothing. */
  #offset = 0;
  /** Until when all is told. */
  #told = Number.NEGATIVE_INFINITY;

  constructor(times: TimeTokens) {
    this.#times = times;
  }

  add({ tokens, times, length, left, right }: WindowTokens): void {
    const { first, special, precision } = this.#times;
    const offset = this.#offset - left;
    const late = this.#firstLateTime(tokens, right > 0 ? length - right : undefined);
    const early = first + left / precision;
    const from = times === undefined ? undefined : this.#offset;
    // The window before has told this much, unless it is in the middle of a sentence.
    const told = times === undefined || this.#parts.length > 0 ? Number.NEGATIVE_INFINITY : this.#told;
    let said: Said[] = [];
    for (const [index, id] of tokens.entries())
      if (id >= first) {
        if (id >= late) this.#passesOver = true;
        else if (this.#passesOver || (this.#parts.length > 0 && id < early)) this.#passesOver = false;
        else if (this.#close({ said, from }, inHundredths(offset + (id - first) * precision))) said = [];
      } else if (id < special) {
        const begin = inHundredths(offset + (times?.[index - 1] ?? 0));
        const end = inHundredths(offset + (times?.[index] ?? 0));
        if (end > told) said.push({ id, begin, end });
      }
    this.#offset = offset + length - right;
    if (said.length > 0) this.#parts.push({ said, from });
    else if (this.#parts.every((part) => part.said.length === 0)) {
      // A time that was passed over began what is not said any more: it has no other to make a pair with.
      this.#passesOver = false;
      this.#forget();
    }
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
  #close(part: Part, time: number): boolean {
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
    const tokens = joined(this.#parts);
    if (tokens.length > 0) this.#sentences.push({ begin: this.#begin, end, tokens });
    this.#told = Math.max(this.#told, end ?? 0, tokens.at(-1)?.end ?? 0);
    this.#forget();
  }

  #forget(): void {
    this.#parts = [];
    this.#begin = undefined;
  }
}

/** One sequence of several that overlap. */
function joined(parts: readonly Part[]): readonly Said[] {
  let [left = [], ...others] = parts.map(({ said }) => said);
  const whole: Said[] = [];
  for (const [index, right] of others.entries()) {
    const [end, begin] = cutOf(left, right, parts[index + 1]?.from);
    whole.push(...left.slice(0, end));
    left = right.slice(begin);
  }
  return [...whole, ...left];
}

/**
 * Where one sequence ends and the next goes on. They are laid over one another where the largest share of tokens is the same,
 * and cut in the middle of that, because windows hear worst at their edges. Where they agree on nothing each is believed up
 * to the middle of what both heard, if it is known when the tokens sound.
 */
function cutOf(left: readonly Said[], right: readonly Said[], from: number | undefined): readonly [number, number] {
  const found = overlapOf(left, right);
  if (found !== undefined) return [(found.leftFrom + found.leftTo) >> 1, (found.rightFrom + found.rightTo) >> 1];
  if (from === undefined) return [left.length, 0];
  return [firstFrom(left, from), firstFrom(right, from)];
}

/** The first token that sounds from a time on; as many as there are when none does. */
function firstFrom(tokens: readonly Said[], time: number): number {
  const first = tokens.findIndex(({ begin }) => begin >= time);
  return first < 0 ? tokens.length : first;
}

/** Prefers a long overlap to a short one of the same share. */
const LENGTH_BONUS = 1 / 10_000;

interface Overlap {
  readonly leftFrom: number;
  readonly leftTo: number;
  readonly rightFrom: number;
  readonly rightTo: number;
}

function overlapOf(left: readonly Said[], right: readonly Said[]): Overlap | undefined {
  let most = 0;
  let best: Overlap | undefined;
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

/** The sentences without the steps back in time that joining makes: windows tell the time of what both hear differently. */
function inOrder(sentences: readonly Sentence[]): readonly Sentence[] {
  let [told, sounded] = [0, 0];
  return sentences.map((sentence) => {
    const begin = sentence.begin === undefined ? undefined : Math.max(sentence.begin, told);
    const end = sentence.end === undefined ? undefined : Math.max(sentence.end, begin ?? told);
    const tokens = rising(sentence.tokens, sounded);
    told = end ?? begin ?? told;
    sounded = tokens.at(-1)?.end ?? sounded;
    return { begin, end, tokens };
  });
}

/** Tokens that begin one after the other, none before a time, and end when the next begins at the latest. */
function rising(tokens: readonly Said[], time: number): readonly Said[] {
  let last = time;
  const begins = tokens.map(({ begin }) => {
    last = Math.max(last, begin);
    return last;
  });
  return tokens.map(({ id, end }, index) => {
    const begin = begins[index] ?? last;
    return { id, begin, end: Math.max(begin, Math.min(end, begins[index + 1] ?? end)) };
  });
}

function inHundredths(seconds: number): number {
  return Math.round(seconds * 100) / 100;
}
