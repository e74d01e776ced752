import type { Reading } from "./token-reader.ts";

export interface Writing {
  readonly reading: Reading;
  /** What is read first and not part of what is written; one token at least. */
  readonly prompt: readonly number[];
  /** How many tokens are written at most. */
  readonly most: number;
  /** Any of these ends what is written, as its last token. */
  readonly ends: ReadonlySet<number>;
  /** The next token. May change the numbers, as to rule tokens out. `said` is what is written so far. */
  readonly choose: (logits: Float32Array, said: readonly number[]) => number;
  readonly signal: AbortSignal;
}

/** Writes token by token, each as soon as somebody asks for it. Ends with the signal's reason within a run. */
export async function* writeTokens({
  reading,
  prompt,
  most,
  ends,
  choose,
  signal,
}: Writing): AsyncGenerator<number, void, void> {
  const said: number[] = [];
  let next = prompt;
  while (said.length < most) {
    signal.throwIfAborted();
    const { logits } = await reading.read(next, { signal });
    const token = choose(logits, said);
    said.push(token);
    yield token;
    if (ends.has(token)) return;
    next = [token];
  }
}
