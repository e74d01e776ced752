import { likeliest } from "../generation/sampling.ts";
import type { Reading } from "../generation/token-reader.ts";
import { framesOfTokens, type Looks } from "./alignment.ts";
import type { WindowTokens } from "./merging.ts";
import { ruleOutTimes } from "./timestamp-rules.ts";
import type { Times } from "./transcript.ts";
import { lookOf, looksOf } from "./whisper-model.ts";
import type { WhisperSettings } from "./whisper-settings.ts";
import type { Window } from "./windows.ts";

/** Frames of the spectrogram that make one of the encoder's. */
const FRAMES_PER_STATE = 2;

export interface ScribeOptions {
  readonly settings: WhisperSettings;
  /** Samples a second, and samples a frame of the spectrogram. */
  readonly rate: number;
  readonly hop: number;
  readonly times: Times;
  /** What it is told first: language, task and whether times are wanted. */
  readonly prompt: readonly number[];
  /** The heads whose looks tell when tokens sound; none where nobody wants to know. */
  readonly heads: WhisperSettings["alignmentHeads"];
}

/** A window with what is written of it, and for each head where it looked. */
interface Text {
  readonly window: Window;
  readonly said: number[];
  readonly looks: readonly Looks[number][][];
}

/** Writes down what was heard, the likeliest token after the other, of several windows at once. */
export class Scribe {
  readonly #options: ScribeOptions;

  constructor(options: ScribeOptions) {
    this.#options = options;
  }

  /** `reading` has a text for each window, of which nothing is read. An abort ends it within a token. */
  async write(windows: readonly Window[], reading: Reading, signal: AbortSignal): Promise<readonly WindowTokens[]> {
    const { prompt, heads } = this.#options;
    const outputs = looksOf(heads);
    const texts = windows.map((window): Text => ({ window, said: [], looks: heads.map(() => []) }));
    let open: readonly Text[] = texts;
    while (open.length > 0) {
      const next = open.map(({ said }) => (said.length === 0 ? prompt : said.slice(-1)));
      const answers = await reading.readAll(next, { signal, outputs });
      for (const [row, text] of open.entries()) {
        const answer = answers[row];
        if (answer === undefined) continue;
        // Where the prompt looks says nothing about the sound.
        if (text.said.length > 0)
          for (const [i, head] of heads.entries()) text.looks[i]?.push(lookOf(answer.outputs, head, row));
        this.#write(answer.logits, text.said);
      }
      const rows = [...open.keys()].filter((row) => !this.#isOver(open[row]?.said ?? []));
      if (rows.length > 0 && rows.length < open.length) reading.keepTexts(rows);
      open = rows.flatMap((row) => open[row] ?? []);
    }
    return texts.map((text) => this.#tokensOf(text));
  }

  #write(logits: Float32Array, said: number[]): void {
    const { settings, times } = this.#options;
    for (const token of settings.suppressed) logits[token] = Number.NEGATIVE_INFINITY;
    if (said.length === 0) for (const token of settings.suppressedFirst) logits[token] = Number.NEGATIVE_INFINITY;
    if (times !== "none") ruleOutTimes(logits, said, settings);
    said.push(likeliest(logits));
  }

  #isOver(said: readonly number[]): boolean {
    const { settings, prompt } = this.#options;
    return said.at(-1) === settings.end || prompt.length + said.length >= settings.length;
  }

  #tokensOf({ window: { samples, left, right }, said, looks }: Text): WindowTokens {
    const { rate, hop, heads } = this.#options;
    const tokens = { tokens: said, length: samples.length / rate, left: left / rate, right: right / rate };
    if (heads.length === 0) return tokens;
    return { ...tokens, times: this.#timesOf(looks, Math.floor(samples.length / hop / FRAMES_PER_STATE)) };
  }

  /** When each token sounds, in seconds. The last one was never read, so nobody knows where it looks: it ends all. */
  #timesOf(looks: readonly Looks[], frames: number): readonly number[] {
    const { medianWidth, precision } = this.#options.settings;
    const seconds = framesOfTokens(looks, frames, medianWidth).map((frame) => frame * precision);
    return [...seconds, seconds.at(-1) ?? 0];
  }
}
