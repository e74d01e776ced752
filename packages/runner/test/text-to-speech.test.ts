import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDataUrl, probeAudio } from "@rivulet/media";
import { type PipelineRequest, textToSpeech as pipeline } from "@rivulet/pipelines";
import { isError, RivuletError, silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { describe, expect, test } from "vitest";
import type { Progress, RunContext } from "../src/implementation.ts";
import { textToSpeech } from "../src/pipelines/text-to-speech.ts";
import { referenceFile } from "./parity/references.ts";
import { keepingBackend, recordingBackend } from "./recording-backend.ts";

const backend = keepingBackend();
const families = ["vits", "vits-speakers", "speecht5"];

async function load(family: string, counts = { open: 0 }, directory = referenceFile(family, "model")) {
  return await textToSpeech(() => recordingBackend([], counts, backend)).load({
    directory,
    model: family,
    threads: 1,
    log: silentLogger,
    onProgress: () => {},
  });
}

function request(fields: Partial<PipelineRequest<"text-to-speech">> = {}): PipelineRequest<"text-to-speech"> {
  return { ...pipeline.request.parse({ text: "The river runs." }), ...fields };
}

function context(overrides: Partial<RunContext> = {}): RunContext {
  return {
    media: {},
    signal: new AbortController().signal,
    randomness: seededRandomness(1),
    clock: new TestClock(),
    onProgress: () => {},
    ...overrides,
  };
}

const code = (wanted: string) => expect.toSatisfy((error) => isError(error) && error.code === wanted);

function wavOf({ audio }: { readonly audio: { readonly url: string } }): Buffer {
  const { contentType, bytes } = parseDataUrl(audio.url, { maxBytes: 100_000_000 });
  expect(contentType).toBe("audio/wav");
  return Buffer.from(bytes);
}
const secondsOf = (wav: Uint8Array) => probeAudio(wav).durationSeconds;

describe.each(families)("text to speech with %s", (family) => {
  test("answers a WAV file of one channel with 44,100 samples of 16 bits a second", async () => {
    const model = await load(family);
    const wav = wavOf(await model.run(request(), context()));
    expect([wav.readUInt16LE(22), wav.readUInt32LE(24), wav.readUInt16LE(34)]).toEqual([1, 44_100, 16]);
    expect(secondsOf(wav)).toBeGreaterThan(0.005);
  });

  test("is the same for the same chance, and another for another", async () => {
    const model = await load(family);
    const first = await model.run(request(), context());
    expect(await model.run(request(), context())).toEqual(first);
    expect(await model.run(request(), context({ randomness: seededRandomness(2) }))).not.toEqual(first);
  });

  test("ends between two sentences when it is called off", async () => {
    const model = await load(family);
    const controller = new AbortController();
    const steps: Progress[] = [];
    const onProgress = (step: Progress) => {
      steps.push(step);
      controller.abort(new RivuletError("request.cancelled", {}));
    };
    const text = "The river runs from the hills to the sea. ".repeat(60);
    const running = model.run(request({ text }), context({ signal: controller.signal, onProgress }));
    await expect(running).rejects.toEqual(code("request.cancelled"));
    expect(steps).toHaveLength(1);
  });

  test("gives all files back, also those of a model of another family", async () => {
    const counts = { open: 0 };
    const model = await load(family, counts);
    expect(counts.open).toBeGreaterThan(1);
    await model.dispose();
    expect(counts.open).toBe(0);
    for (const other of ["sd1", "llama"]) await expect(load(other, counts)).rejects.toThrow(RangeError);
    expect(counts.open).toBe(0);
  });
});

describe("a model that spells", () => {
  test("refuses a text of which it knows no letter", async () => {
    const model = await load("vits");
    for (const text of ["日本語", "… 123 !!", " \n"])
      await expect(model.run(request({ text }), context())).rejects.toEqual(code("request.rejected-by-model"));
  });

  test("speaks long texts sentence by sentence, and tells of each", async () => {
    const model = await load("vits");
    const steps: Progress[] = [];
    const text = "The river runs from the hills to the sea. ".repeat(60);
    const long = wavOf(await model.run(request({ text }), context({ onProgress: (step) => steps.push(step) })));
    expect(steps.length).toBeGreaterThan(3);
    expect(steps.at(-1)).toMatchObject({ kind: "step", step: steps.length, of: steps.length });
    expect(secondsOf(long)).toBeGreaterThan(20 * secondsOf(wavOf(await model.run(request(), context()))));
  });

  test("speaks faster and slower when it is asked to", async () => {
    const model = await load("vits");
    const lasting = async (description: string) =>
      secondsOf(wavOf(await model.run(request({ description, text: "a river ".repeat(30) }), context())));
    expect(await lasting("very slowly")).toBeGreaterThan(await lasting("moderate speed"));
    expect(await lasting("very fast")).toBeLessThan(await lasting("moderate speed"));
  });

  test("has another voice for another name where the model has several", async () => {
    const model = await load("vits-speakers");
    const said = await Promise.all(
      ["Laura", "Lea", "Karen", "Gary", "Rick"].map(async (description) =>
        wavOf(await model.run(request({ description }), context())).toString("base64"),
      ),
    );
    expect(new Set(said).size).toBeGreaterThan(1);
  });
});

test.each([
  ["vits", "num_speakers"],
  ["speecht5", "reduction_factor"],
])("a model of %s whose settings are wrong leaves no file open", async (family, setting) => {
  const directory = mkdtempSync(join(tmpdir(), "rivulet-speech-"));
  try {
    cpSync(referenceFile(family, "model"), directory, { recursive: true });
    const config = join(directory, "config.json");
    writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, "utf8")), [setting]: "many" }));
    const counts = { open: 0 };
    await expect(load(family, counts, directory)).rejects.toThrow(setting);
    expect(counts.open).toBe(0);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
