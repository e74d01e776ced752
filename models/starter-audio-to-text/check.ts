/** How good the hearing starter is: sentences that training never says, by many voices, alone and one after the other. */
import { encodeWav } from "@rivulet/media";
import { type CheckOptions, type CheckResult, median, type StarterCheck, share } from "../check/starter-check.ts";
import { Studio } from "../check/studio.ts";
import { type ErrorCount, shareWrong, wordErrors } from "./judge/index.ts";
import { joined, RATE, type Recording, readRecordings, silence, throughNoise } from "./recordings/recordings.ts";

const PIPELINE = "audio-to-text";
const MOST_WRONG = { atMost: 0.1 } as const;
const ALL = { atLeast: 1 } as const;
/** Every second recording is said in the middle of silence. */
const LEAD_SECONDS = 1.5;
const NOISE_DECIBELS = 15;
/** So many recordings make one that is longer than a window. */
const TALK = 5;
const PAUSE_SECONDS = 0.7;
/** What has no words in it: silence, and faint noise. */
const EMPTY_SECONDS = [1, 4, 10, 25] as const;

interface Piece {
  readonly text: string;
  readonly timestamp: readonly [begin: number, end: number | null];
}

interface Answer {
  readonly text: string;
  readonly chunks: readonly Piece[];
  readonly tookMs: number;
}

class Listener {
  readonly #studio: Studio;
  readonly #signal: AbortSignal;

  constructor(studio: Studio, signal: AbortSignal) {
    this.#studio = studio;
    this.#signal = signal;
  }

  async hear(samples: Float32Array, times: "false" | "true" | "word"): Promise<Answer> {
    const files = { audio: encodeWav(samples, RATE) };
    const body = { return_timestamps: times };
    const { response, timings } = await this.#studio.run(PIPELINE, body, { files, signal: this.#signal });
    const chunks = (response["chunks"] ?? []) as readonly Piece[];
    return { text: String(response["text"]), chunks, tookMs: timings.inferenceMs };
  }
}

interface Told {
  readonly recording: Recording;
  readonly clean: Answer;
  readonly noisy: Answer;
  readonly sentences: Answer;
  readonly words: Answer;
  /** Where the recording begins in what was heard. */
  readonly lead: number;
}

async function tellOf(listener: Listener, recording: Recording, index: number): Promise<Told> {
  const lead = index % 2 === 0 ? 0 : LEAD_SECONDS;
  const samples = joined([silence(lead), recording.samples, silence(lead)]);
  return {
    recording,
    lead,
    clean: await listener.hear(samples, "false"),
    noisy: await listener.hear(throughNoise(recording.samples, NOISE_DECIBELS, index), "false"),
    sentences: await listener.hear(samples, "true"),
    words: await listener.hear(samples, "word"),
  };
}

/** Whether no piece begins before the one before, nor ends before it begins. */
function rises(pieces: readonly Piece[]): boolean {
  return pieces.every(({ timestamp: [begin, end] }, i) => {
    const before = pieces[i - 1]?.timestamp;
    return begin >= (before?.[0] ?? 0) && begin >= (before?.[1] ?? 0) && (end === null || end >= begin);
  });
}

/** By how many seconds words are told to begin too early or too late, where every word was heard. */
function wordsOff({ recording, words, lead }: Told): readonly number[] {
  if (wordErrors(recording.text, words.text).errors > 0 || words.chunks.length !== recording.words.length) return [];
  return words.chunks.map(({ timestamp: [begin] }, i) => Math.abs(begin - lead - (recording.words[i] ?? 0)));
}

/** Several recordings one after the other, and what is heard of them. */
async function talksOf(listener: Listener, recordings: readonly Recording[]) {
  const talks: { readonly errors: ErrorCount; readonly answer: Answer; readonly words: Answer }[] = [];
  for (let first = 0; first + TALK <= recordings.length; first += TALK) {
    const parts = recordings.slice(first, first + TALK);
    const sound = joined(parts.flatMap(({ samples }) => [samples, silence(PAUSE_SECONDS)]));
    const answer = await listener.hear(sound, "true");
    const words = await listener.hear(sound, "word");
    talks.push({ errors: wordErrors(parts.map(({ text }) => text).join(" "), answer.text), answer, words });
  }
  return talks;
}

async function run({ cases, onProgress, signal }: CheckOptions): Promise<CheckResult> {
  const recordings = (await readRecordings(signal)).slice(0, cases);
  await using studio = await Studio.openStarter(import.meta.url);
  const listener = new Listener(studio, signal);
  const told: Told[] = [];
  for (const [i, recording] of recordings.entries()) {
    told.push(await tellOf(listener, recording, i));
    if (i % 10 === 9) onProgress(`heard ${i + 1} of ${recordings.length}`);
  }
  const talks = await talksOf(listener, recordings);
  const empty: Answer[] = [];
  for (const seconds of EMPTY_SECONDS)
    for (const times of ["false", "true", "word"] as const) empty.push(await listener.hear(silence(seconds), times));
  const wrongOf = (answer: (each: Told) => Answer) =>
    shareWrong(told.map((each) => wordErrors(each.recording.text, answer(each).text)));
  const risen = told.flatMap(({ sentences, words }) => [sentences, words]).concat(talks.map(({ answer }) => answer));
  const seconds = (time: number) => Math.round(time * 1000);
  return {
    figures: [
      { name: "words wrong", value: wrongOf(({ clean }) => clean), unit: "share", goal: MOST_WRONG },
      {
        name: `words wrong, through noise (${NOISE_DECIBELS} dB)`,
        value: wrongOf(({ noisy }) => noisy),
        unit: "share",
        goal: MOST_WRONG,
      },
      {
        name: "words wrong, with times",
        value: wrongOf(({ sentences }) => sentences),
        unit: "share",
        goal: MOST_WRONG,
      },
      {
        name: `words wrong, ${TALK} sentences on end`,
        value: shareWrong(talks.map(({ errors }) => errors)),
        unit: "share",
      },
      { name: "times rise", value: share(risen, ({ chunks }) => rises(chunks)), unit: "share", goal: ALL },
      {
        name: `times of words rise, ${TALK} sentences on end`,
        value: share(talks, ({ words }) => rises(words.chunks)),
        unit: "share",
      },
      { name: "silence has no words", value: share(empty, ({ text }) => text.trim() === ""), unit: "share", goal: ALL },
      { name: "words begin early or late by", value: seconds(median(told.flatMap(wordsOff))), unit: "ms" },
      {
        name: "sentences begin early or late by",
        value: seconds(
          median(
            told.map(({ sentences: { chunks }, lead, recording }) =>
              Math.abs((chunks[0]?.timestamp[0] ?? 0) - lead - (recording.words[0] ?? 0)),
            ),
          ),
        ),
        unit: "ms",
      },
      { name: "median time of a recording", value: median(told.map(({ clean }) => clean.tookMs)), unit: "ms" },
    ],
    tiles: [],
    wrong: told.flatMap(({ recording, clean, noisy }) =>
      [clean, noisy].flatMap(({ text }) =>
        wordErrors(recording.text, text).errors > 0 ? [`${recording.text} (${recording.voice}): ${text.trim()}`] : [],
      ),
    ),
  };
}

export const check: StarterCheck = { pipeline: PIPELINE, run };
