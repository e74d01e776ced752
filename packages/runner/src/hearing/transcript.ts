import { type Sentence, sentencesOf, type TimeTokens, type WindowTokens } from "./merging.ts";
import { wordsOf } from "./words.ts";

export interface Piece {
  readonly text: string;
  /** In seconds; no end when the sound stops before the words do. */
  readonly timestamp: [begin: number, end: number | null];
}

export interface Transcript {
  readonly text: string;
  /** Sentences or words; empty when no times were asked for. */
  readonly chunks: Piece[];
}

export type Times = "none" | "sentences" | "words";

export interface TranscriptOptions {
  readonly times: Times;
  readonly tokens: TimeTokens;
  /** The two or three letters of the language, where the model tells languages apart. */
  readonly language: string | undefined;
  readonly decode: (ids: readonly number[]) => string;
}

/** One transcript of windows that overlap. */
export function transcriptOf(windows: readonly WindowTokens[], options: TranscriptOptions): Transcript {
  const { times, tokens, language, decode } = options;
  const sentences = sentencesOf(windows, tokens);
  const texts = sentences.map((sentence) => decode(sentence.tokens.map(({ id }) => id)));
  const text = texts.join("");
  if (times === "none") return { text, chunks: [] };
  if (times === "sentences")
    return {
      text,
      chunks: sentences.map((sentence, i) => ({ text: texts[i] ?? "", timestamp: spanOf(sentence, sentences[i - 1]) })),
    };
  const words = sentences.flatMap((sentence) => wordsOf(sentence.tokens, decode, language));
  return { text, chunks: words.map((word) => ({ text: word.text, timestamp: [word.begin, word.end] })) };
}

/** A beginning that is unknown is the end of the sentence before: the published form of answers has a number there. */
function spanOf({ begin, end }: Sentence, before: Sentence | undefined): Piece["timestamp"] {
  return [begin ?? before?.end ?? before?.begin ?? 0, end ?? null];
}
