import { type PipelineRequest, audioToText as pipeline } from "@rivulet/pipelines";
import { isError, RivuletError, silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { describe, expect, test } from "vitest";
import { Scribe } from "../src/hearing/scribe.ts";
import { loadSpeech } from "../src/hearing/speech.ts";
import { WhisperModel } from "../src/hearing/whisper-model.ts";
import { readWhisperSettings } from "../src/hearing/whisper-settings.ts";
import type { RunContext } from "../src/implementation.ts";
import { audioToText } from "../src/pipelines/audio-to-text.ts";
import type { Tensor } from "../src/tensor.ts";
import { referenceFile } from "./parity/references.ts";
import { keepingBackend, type Run, recordingBackend } from "./recording-backend.ts";
import { floatWav, sweep } from "./sounds.ts";

const backend = keepingBackend();

async function load(family = "whisper", model = `tiny/${family}`) {
  const runs: Run[] = [];
  const loaded = await audioToText(() => recordingBackend(runs, { open: 0 }, backend)).load({
    directory: referenceFile(family, "model"),
    model,
    threads: 1,
    log: silentLogger,
    onProgress: () => {},
  });
  return { model: loaded, runs };
}

function request(return_timestamps = "true"): PipelineRequest<"audio-to-text"> {
  return pipeline.request.parse({ return_timestamps });
}

function context(bytes: Uint8Array, overrides: Partial<RunContext> = {}): RunContext {
  return {
    media: { audio: { bytes, filename: "sound.wav", contentType: "audio/wav" } },
    signal: new AbortController().signal,
    randomness: seededRandomness(1),
    clock: new TestClock(),
    onProgress: () => {},
    ...overrides,
  };
}

const short = floatWav(sweep({ seconds: 3, hertz: 300 }));

/** How many windows the encoder heard. */
function windows(runs: readonly Run[]): number {
  return runs.filter(({ feeds }) => "input_features" in feeds).length;
}

describe("sound", () => {
  test("answers in the form that was promised, with times and without", async () => {
    const { model } = await load();
    const timed = pipeline.response.parse(await model.run(request(), context(short)));
    expect(timed.chunks.map(({ text }) => text).join("")).toBe(timed.text);
    const plain = pipeline.response.parse(await model.run(request("false"), context(short)));
    expect(plain.chunks).toEqual([]);
  });

  test("that is silent is heard like any other", async () => {
    const { model } = await load();
    const answer = await model.run(request(), context(floatWav(new Float32Array(16_000))));
    expect(pipeline.response.parse(answer)).toBeDefined();
  });

  test("longer than a window is heard in windows that overlap, in the language of the first", async () => {
    const { model, runs } = await load();
    const steps: unknown[] = [];
    const onProgress: RunContext["onProgress"] = (event) => event.kind === "step" && steps.push([event.step, event.of]);
    await model.run(request(), context(floatWav(sweep({ seconds: 65, hertz: 200 })), { onProgress }));
    expect(windows(runs)).toBe(3);
    expect(steps).toEqual([1, 2, 3].map((step) => [step, 3]));
    const begins = runs.flatMap(({ feeds }) => (feeds["use_cache_branch"]?.data[0] === 0 ? [feeds["input_ids"]] : []));
    const [asked, ...prompts] = begins.map((ids) => Array.from(ids?.data ?? [], Number));
    expect(asked).toHaveLength(1);
    expect(new Set(prompts.map(([, language]) => language)).size).toBe(1);
  });

  test("of exactly a window is one, and a sample more makes two", async () => {
    for (const [samples, expected] of [
      [480_000, 1],
      [480_001, 2],
    ] as const) {
      const { model, runs } = await load("whisper-en");
      await model.run(
        request("false"),
        context(floatWav(sweep({ seconds: samples / 16_000, hertz: 200 }).slice(0, samples))),
      );
      expect(windows(runs)).toBe(expected);
    }
  });

  test("is heard in shorter windows by distilled models", async () => {
    const { model, runs } = await load("whisper-en", "distil-whisper/tiny");
    await model.run(request("false"), context(floatWav(sweep({ seconds: 26, hertz: 200 }))));
    expect(windows(runs)).toBe(2);
  });

  test("never makes the decoder read more than it can", async () => {
    const { model, runs } = await load();
    await model.run(request("false"), context(short));
    const read = runs
      .filter(({ feeds }) => "input_ids" in feeds)
      .flatMap(({ feeds }) => [...(feeds["input_ids"]?.data ?? [])]);
    expect(read.length).toBeLessThanOrEqual(1 + 64); // the language, then what the model's files allow
  });

  test("is not asked for its language when the model knows one only", async () => {
    const { model, runs } = await load("whisper-en");
    await model.run(request("false"), context(short));
    expect(runs.find(({ feeds }) => "input_ids" in feeds)?.feeds["input_ids"]?.data).toHaveLength(2);
  });

  test("ends within a token when it is called off", async () => {
    const { model, runs } = await load();
    const controller = new AbortController();
    const reason = new RivuletError("request.cancelled", {});
    const count = () => runs.filter(({ feeds }) => "input_ids" in feeds).length;
    const running = model.run(request(), context(short, { signal: controller.signal }));
    while (count() < 4) await new Promise(setImmediate);
    controller.abort(reason);
    const read = count();
    await expect(running).rejects.toBe(reason);
    expect(count() - read).toBeLessThanOrEqual(1);
  });
});

test("windows that are read at once say what each says alone, also when some end before others", async () => {
  const directory = referenceFile("whisper", "model");
  const [encoder, decoder] = await Promise.all(
    ["encoder_model", "decoder_model_merged"].map((name) =>
      backend.open(`${directory}/onnx/${name}.onnx`, { threads: 1 }),
    ),
  );
  if (encoder === undefined || decoder === undefined) throw new Error("there are no graphs");
  const whisper = new WhisperModel(encoder, decoder);
  const speech = await loadSpeech(directory);
  const settings = await readWhisperSettings(directory);
  const sounds = [sweep({ seconds: 9, hertz: 200 }), new Float32Array(90_000), sweep({ seconds: 29, hertz: 3000 })];
  const windows = sounds.map((samples) => ({ samples, left: 0, right: 0 }));
  const heard: Tensor[] = [];
  for (const { samples } of windows) {
    const { data, dims } = speech.spectrogram(samples);
    heard.push(await whisper.hear(data, dims));
  }
  const { rate, hop } = speech;
  const { start, alignmentHeads: heads } = settings;
  const write = async (which: readonly number[], end: number) => {
    const scribe = new Scribe({ settings: { ...settings, end }, rate, hop, times: "words", prompt: [start], heads });
    const reading = whisper.begin(which.flatMap((index) => heard[index] ?? []));
    return scribe.write(
      which.flatMap((index) => windows[index] ?? []),
      reading,
      new AbortController().signal,
    );
  };
  const [first] = await write([0], settings.end);
  let uneven = 0;
  for (const end of [settings.end, ...(first?.tokens.slice(1, 3) ?? [])]) {
    const alone = (await Promise.all([0, 1, 2].map((index) => write([index], end)))).flat();
    expect(await write([0, 1, 2], end)).toEqual(alone);
    if (new Set(alone.map(({ tokens }) => tokens.length)).size > 1) uneven += 1;
  }
  expect(uneven).toBeGreaterThan(0);
});

describe("is refused", () => {
  test("when times of words are asked of a model that cannot give them", async () => {
    const { model, runs } = await load("whisper-en");
    await expect(model.run(request("word"), context(short))).rejects.toSatisfy(
      (error) => isError(error, "request.rejected-by-model") && error.facts.field === "return_timestamps",
    );
    expect(runs).toEqual([]);
  });

  test("when times of words are asked of more than an hour", async () => {
    const { model } = await load();
    const hours = floatWav(new Float32Array(3_601_000), 1000);
    await expect(model.run(request("word"), context(hours))).rejects.toMatchObject({
      code: "request.rejected-by-model",
      facts: { field: "return_timestamps", reason: expect.stringMatching(/^Word timestamps are only supported/) },
    });
  });

  test.each([
    ["not audio at all", Uint8Array.from({ length: 4000 }, (_, i) => (i * 7919) % 251)],
    ["nothing", new Uint8Array()],
    ["a WAV without samples", floatWav(new Float32Array())],
    ["samples that are no numbers", floatWav(new Float32Array(16_000).fill(Number.NaN))],
  ])("when it is %s, naming the field", async (_, bytes) => {
    const { model, runs } = await load();
    await expect(model.run(request(), context(bytes))).rejects.toSatisfy(
      (error) =>
        (isError(error, "request.media-undecodable") || isError(error, "request.media-unsupported")) &&
        error.facts.field === "audio",
    );
    expect(runs).toEqual([]);
  });
});
