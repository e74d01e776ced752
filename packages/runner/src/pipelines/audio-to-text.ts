import { DECODED_AUDIO_RATE, decodeAudio, probeAudio } from "@rivulet/media";
import type { PipelineRequest, PipelineRunnerResponse } from "@rivulet/pipelines";
import { invariant } from "@rivulet/primitives";
import type { BackendFactory } from "../backend.ts";
import type { Reading } from "../generation/token-reader.ts";
import { bestFile, type Graphs, modelOf } from "../graphs/graph-files.ts";
import type { WindowTokens } from "../hearing/merging.ts";
import { Scribe } from "../hearing/scribe.ts";
import { loadSpeech, type Speech } from "../hearing/speech.ts";
import { type Times, transcriptOf } from "../hearing/transcript.ts";
import { WhisperModel } from "../hearing/whisper-model.ts";
import { readWhisperSettings, type WhisperSettings } from "../hearing/whisper-settings.ts";
import { groupsOf, type Window, windowsOf } from "../hearing/windows.ts";
import type { Implementation, LoadedModel, RunContext } from "../implementation.ts";
import { ruleOf } from "../model-rules.ts";
import { rejected } from "../rejected.ts";
import type { Tensor } from "../tensor.ts";
import { turn } from "../turn.ts";

type Request = PipelineRequest<"audio-to-text">;
type Response = PipelineRunnerResponse<"audio-to-text">;

/**
 * What is said, written down by models of the Whisper family, with times of sentences or words. Sound that is longer than
 * a window is heard in windows that overlap. Source: runner-and-models 1.7, 7.11.
 */
export function audioToText(backend: BackendFactory): Implementation<"audio-to-text"> {
  return {
    async load(context) {
      const { directory, model } = context;
      const settings = await readWhisperSettings(directory);
      const speech = await loadSpeech(directory);
      if (speech.rate !== DECODED_AUDIO_RATE)
        throw new RangeError(`preprocessor_config.json: the model hears ${speech.rate} samples a second`);
      return modelOf(backend, context, filesOf(directory), (graphs) => {
        const whisper = new WhisperModel(graphs.get("encoder"), graphs.get("decoder"));
        return new LoadedAudioToText(graphs, whisper, settings, speech, model);
      });
    },
  };
}

type Part = "encoder" | "decoder";

/** The best files there are; the names of the usual ones when there are none, so that the error names those. */
function filesOf(directory: string): Readonly<Record<Part, string>> {
  const best = (name: string) => bestFile(directory, name) ?? `onnx/${name}.onnx`;
  return { encoder: best("encoder_model"), decoder: best("decoder_model_merged") };
}

/** The longest audio whose words are given times. Source: runner-and-models 1.7. */
const MAX_WORD_SECONDS = 3600;
/** The share of a window that overlaps the next, on each side. */
const OVERLAP = 1 / 6;
/**
 * Windows that are read at once at most, and what they may take of memory together. Most of the time of a token goes into
 * fetching the decoder's weights, whoever needs them.
 */
const MOST_TOGETHER = 4;
const MOST_BYTES = 256 * 2 ** 20;

class LoadedAudioToText implements LoadedModel<"audio-to-text"> {
  readonly #graphs: Graphs<Part>;
  readonly #model: WhisperModel;
  readonly #settings: WhisperSettings;
  readonly #speech: Speech;
  readonly #id: string;
  readonly #windowSeconds: number;

  constructor(graphs: Graphs<Part>, model: WhisperModel, settings: WhisperSettings, speech: Speech, id: string) {
    this.#graphs = graphs;
    this.#model = model;
    this.#settings = settings;
    this.#speech = speech;
    this.#id = id;
    this.#windowSeconds = Math.min(ruleOf(id).windowSeconds ?? speech.windowSeconds, speech.windowSeconds);
  }

  async run({ return_timestamps }: Request, context: RunContext): Promise<Response> {
    const { audio } = context.media;
    invariant(audio !== undefined, "the request's files were checked");
    const times = timesOf(return_timestamps);
    const { durationSeconds } = probeAudio(audio.bytes, "audio");
    if (times === "words") this.#refuseWords(durationSeconds);
    const { rate } = this.#speech;
    const length = this.#windowSeconds * rate;
    const overlap = Math.round(length * OVERLAP);
    const of = Math.max(1, Math.ceil((durationSeconds * rate - 2 * overlap) / (length - 2 * overlap)));
    const sound = decodeAudio(audio.bytes, { field: "audio", signal: context.signal });
    const written: WindowTokens[] = [];
    let language: number | undefined;
    // The first window is heard alone: its language is that of all, and it tells how much memory one takes.
    let together = 1;
    for await (const windows of groupsOf(windowsOf(sound, length, overlap), () => together)) {
      const reading = this.#model.begin(await this.#hear(windows, context.signal));
      if (written.length === 0) language = await this.#language(reading, context.signal);
      const scribe = this.#scribe(language, times, windows);
      const tokens = await scribe.write(windows, reading, context.signal);
      if (written.length === 0) together = this.#together(reading);
      for (const each of tokens) {
        written.push(each);
        context.onProgress({ kind: "step", image: 0, step: written.length, of: Math.max(written.length, of) });
      }
    }
    const { noTimestamps, precision, end } = this.#settings;
    return transcriptOf(written, {
      times,
      tokens: { first: noTimestamps + 1, special: end, precision },
      language: this.#settings.languages.get(language ?? -1),
      decode: (ids) => this.#speech.decode(ids),
    });
  }

  async dispose(): Promise<void> {
    await this.#graphs[Symbol.asyncDispose]();
  }

  /** The heads that tell where tokens sound; none where the model's files lack what it takes. */
  #heads(): WhisperSettings["alignmentHeads"] {
    const { alignmentHeads } = this.#settings;
    return this.#model.looks(alignmentHeads) ? alignmentHeads : [];
  }

  #refuseWords(seconds: number): void {
    if (this.#heads().length === 0)
      throw rejected(
        "return_timestamps",
        `${this.#id} gives no times of words, its files lack what they are made from`,
      );
    if (seconds > MAX_WORD_SECONDS)
      throw rejected(
        "return_timestamps",
        `Word timestamps are only supported for audio files up to ${MAX_WORD_SECONDS / 60} minutes for model ${this.#id}.`,
      );
  }

  async #hear(windows: readonly Window[], signal: AbortSignal): Promise<readonly Tensor[]> {
    const heard: Tensor[] = [];
    for (const { samples } of windows) {
      await turn(signal);
      const { data, dims } = this.#speech.spectrogram(samples);
      await turn(signal);
      heard.push(await this.#model.hear(data, dims));
    }
    return heard;
  }

  /** The likeliest language; none in models that know only one. */
  async #language(reading: Reading, signal: AbortSignal): Promise<number | undefined> {
    const { start, languages } = this.#settings;
    if (languages.size === 0) return undefined;
    const { logits } = await reading.read([start], { signal });
    reading.keep(0);
    return [...languages.keys()].reduce((best, each) => ((logits[each] ?? 0) > (logits[best] ?? 0) ? each : best));
  }

  /** How many windows are read at once, when one takes as much memory as this. */
  #together({ bytes }: Reading): number {
    return Math.max(1, Math.min(MOST_TOGETHER, this.#model.atOnce, Math.floor(MOST_BYTES / bytes)));
  }

  #scribe(language: number | undefined, times: Times, windows: readonly Window[]): Scribe {
    const { start, transcribe, noTimestamps } = this.#settings;
    const isCut = windows.some(({ left, right }) => left + right > 0);
    return new Scribe({
      settings: this.#settings,
      rate: this.#speech.rate,
      hop: this.#speech.hop,
      times,
      prompt: [
        start,
        ...(language === undefined ? [] : [language]),
        ...(language === undefined || transcribe === undefined ? [] : [transcribe]),
        ...(times === "none" ? [noTimestamps] : []),
      ],
      // Times of tokens also tell what windows that overlap have both heard.
      heads: times === "words" || (times === "sentences" && isCut) ? this.#heads() : [],
    });
  }
}

/** Source: runner-and-models 1.7; the pipeline's definition refuses any other word. */
const TIMES: Readonly<Record<string, Times>> = { false: "none", "0": "none", word: "words" };

function timesOf(asked: string): Times {
  return TIMES[asked.toLowerCase()] ?? "sentences";
}
