import type { Said } from "./merging.ts";

/** A word, and when it sounds, in seconds. */
export interface Word {
  readonly text: string;
  readonly begin: number;
  readonly end: number;
}

/** Languages whose words nothing stands between: their characters take the words' place. */
const WITHOUT_SPACES: ReadonlySet<string> = new Set(["zh", "ja", "th", "lo", "my", "yue"]);

const PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
/** What belongs to the word after it, and to the word before it. */
const OPENING = "\"'“¿([{-";
const CLOSING = "\"'.。,，!！?？:：”)]}、";

/** What a tokenizer makes of bytes that are no whole character yet. */
const INCOMPLETE = "\uFFFD";
/** Longer than any character takes: what is still not whole by then never will be. */
const MAX_HELD = 8;

/**
 * The words of tokens: one begins with a space, punctuation belongs to its neighbour, and in languages that write no spaces
 * each character is one. Source: runner-and-models 7.11.
 */
export function wordsOf(
  tokens: readonly Said[],
  decode: (ids: readonly number[]) => string,
  language: string | undefined,
): readonly Word[] {
  const characters = charactersOf(tokens, decode);
  const isSpaced = language === undefined || !WITHOUT_SPACES.has(language);
  const words = isSpaced ? glueWhere(characters, (_, { text }) => !begins(text)) : characters;
  // From the end, because of several signs that open each belongs to the one after it.
  const opened = glueWhere(words.toReversed(), (_, { text }) => opens(text), "before").toReversed();
  return glueWhere(opened, (last, { text }) => !last.text.endsWith(" ") && CLOSING.includes(text));
}

/** The fewest tokens at a time that make whole characters. */
function charactersOf(tokens: readonly Said[], decode: (ids: readonly number[]) => string): readonly Word[] {
  const whole = decode(tokens.map(({ id }) => id));
  const characters: Word[] = [];
  let held: Said[] = [];
  let told = 0;
  for (const [index, token] of tokens.entries()) {
    held.push(token);
    const text = decode(held.map(({ id }) => id));
    const broken = text.indexOf(INCOMPLETE);
    // Where the whole text has it too, nothing that follows will mend it.
    const isMended = broken >= 0 && (whole[told + broken] ?? INCOMPLETE) !== INCOMPLETE;
    if (isMended && held.length < MAX_HELD && index < tokens.length - 1) continue;
    characters.push({ text, begin: held[0]?.begin ?? 0, end: token.end });
    told += text.length;
    held = [];
  }
  return characters;
}

function begins(text: string): boolean {
  return text.startsWith(" ") || PUNCTUATION.includes(text.trim());
}

function opens(text: string): boolean {
  return text.startsWith(" ") && OPENING.includes(text.trim());
}

/** The words with each glued to the last of the result where it belongs there: behind it, or before it. */
function glueWhere(
  words: readonly Word[],
  belongs: (last: Word, next: Word) => boolean,
  side: "behind" | "before" = "behind",
): readonly Word[] {
  const result: Word[] = [];
  for (const next of words) {
    const last = result.at(-1);
    if (last !== undefined && belongs(last, next))
      result[result.length - 1] = side === "behind" ? glued(last, next) : glued(next, last);
    else result.push(next);
  }
  return result;
}

function glued(first: Word, second: Word): Word {
  return { text: first.text + second.text, begin: first.begin, end: second.end };
}
