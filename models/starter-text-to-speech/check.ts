/** How good the speaking starter is: sentences that training never says, read back by the hearing starter. */
import { readFile } from "node:fs/promises";
import { DECODED_AUDIO_RATE, decodeAudio } from "@rivulet/media";
import { type CheckOptions, type CheckResult, median, type StarterCheck, share } from "../check/starter-check.ts";
import { fileAt, Studio } from "../check/studio.ts";
import { shareWrong, wordErrors } from "../starter-audio-to-text/judge/index.ts";

const MOST_WRONG = { atMost: 0.2 } as const;
const ALL = { atLeast: 1 } as const;
/** How much longer or shorter than the voice it learnt from it may take. */
const LENGTH_TOLERANCE = 0.3;
/** What is quieter nobody would call speech, and what is louder may be cut off. */
const QUIETEST_PEAK = 0.1;
const LOUDEST_PEAK = 0.99;

/** A sentence of the judge, and how long the original takes for it. */
interface Sentence {
  readonly text: string;
  readonly seconds: number;
}

interface Said extends Sentence {
  readonly samples: Float32Array;
  readonly heard: string;
  readonly tookMs: number;
}

class Speaker {
  readonly #speech: Studio;
  readonly #hearing: Studio;
  readonly #signal: AbortSignal;

  constructor(speech: Studio, hearing: Studio, signal: AbortSignal) {
    this.#speech = speech;
    this.#hearing = hearing;
    this.#signal = signal;
  }

  async say(sentence: Sentence, description = ""): Promise<Said> {
    const signal = this.#signal;
    const body = { text: sentence.text, description };
    const { response, timings } = await this.#speech.run("text-to-speech", body, { signal });
    const wav = fileAt(response, "audio", "url");
    const files = { audio: wav };
    const { response: told } = await this.#hearing.run("audio-to-text", {}, { files, signal });
    const blocks: Float32Array[] = [];
    for await (const block of decodeAudio(wav, { field: "audio", signal })) blocks.push(block);
    const samples = Float32Array.from(blocks.flatMap((block) => [...block]));
    return { ...sentence, samples, heard: String(told["text"]), tookMs: timings.inferenceMs };
  }
}

const secondsOf = ({ samples }: Said) => samples.length / DECODED_AUDIO_RATE;
const peakOf = ({ samples }: Said) => samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
const relativeLength = (said: Said) => secondsOf(said) / said.seconds;

async function run({ cases, onProgress, signal }: CheckOptions): Promise<CheckResult> {
  const sentences: readonly Sentence[] = JSON.parse(
    await readFile(new URL("judge/sentences.json", import.meta.url), "utf8"),
  ).slice(0, cases);
  await using speech = await Studio.openStarter(import.meta.url);
  await using hearing = await Studio.openStarter(new URL("../starter-audio-to-text/package.json", import.meta.url));
  const speaker = new Speaker(speech, hearing, signal);
  const said: Said[] = [];
  const slow: Said[] = [];
  for (const [i, sentence] of sentences.entries()) {
    said.push(await speaker.say(sentence));
    slow.push(await speaker.say(sentence, "A man speaks slowly."));
    if (i % 10 === 9) onProgress(`said ${i + 1} of ${sentences.length}`);
  }
  const wrongOf = (all: readonly Said[]) => shareWrong(all.map(({ text, heard }) => wordErrors(text, heard)));
  const others = said.map(({ text }, i) => wordErrors(text, said[(i + 1) % said.length]?.heard ?? ""));
  return {
    figures: [
      { name: "words heard otherwise than said", value: wrongOf(said), unit: "share", goal: MOST_WRONG },
      { name: "  when asked to speak slowly", value: wrongOf(slow), unit: "share" },
      { name: "  against another sentence", value: shareWrong(others), unit: "share" },
      {
        name: `as long as the original, give or take ${100 * LENGTH_TOLERANCE} %`,
        value: share(said, (each) => Math.abs(relativeLength(each) - 1) <= LENGTH_TOLERANCE),
        unit: "share",
        goal: ALL,
      },
      { name: "  length compared with the original", value: median(said.map(relativeLength)), unit: "number" },
      { name: "  compared with that, slowly", value: median(slow.map(relativeLength)), unit: "number" },
      {
        name: "neither silent nor cut off",
        value: share(said, (each) => peakOf(each) > QUIETEST_PEAK && peakOf(each) < LOUDEST_PEAK),
        unit: "share",
        goal: ALL,
      },
      {
        name: "seconds of speech in a second",
        value: median(said.map((each) => (1000 * secondsOf(each)) / each.tookMs)),
        unit: "number",
      },
    ],
    tiles: [],
    wrong: said.flatMap(({ text, heard }) =>
      wordErrors(text, heard).errors > 0 ? [`${text}: heard as ${heard.trim()}`] : [],
    ),
  };
}

export const check: StarterCheck = { pipeline: "text-to-speech", run };
