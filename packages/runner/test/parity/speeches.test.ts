import { Tokenizer } from "@huggingface/tokenizers";
import { silentLogger } from "@rivulet/primitives";
import { describe, expect, test } from "vitest";
import { onnxBackend } from "../../src/backends/onnx/onnx-backend.ts";
import type { LoadContext } from "../../src/implementation.ts";
import { readJson } from "../../src/model-settings.ts";
import { noiseOf } from "../../src/random/noise.ts";
import { loadSpeecht5 } from "../../src/speech/speecht5.ts";
import { loadVits } from "../../src/speech/vits.ts";
import { loadVitsTokenizer } from "../../src/speech/vits-tokenizer.ts";
import { chosenVoice, type Manner } from "../../src/speech/voice.ts";
import { distance } from "../vectors.ts";
import { TOLERANCE } from "./comparison.ts";
import { numbersOf, referenceFile, references, type SpeechReferences } from "./references.ts";

const contextOf = (family: string): LoadContext => ({
  directory: referenceFile(family, "model"),
  model: family,
  threads: 1,
  log: silentLogger,
  onProgress: () => {},
});
const { signal } = new AbortController();

describe.each(["vits", "vits-speakers"])("%s", (family) => {
  const { source, speeches } = references<SpeechReferences>(family, "speeches.json");

  test(`spells texts as ${source}`, async () => {
    const tokenizer = await loadVitsTokenizer(referenceFile(family, "model"));
    for (const { input, expected } of speeches) expect(tokenizer.encode(input.text)).toEqual(expected.ids);
  });

  test.each(speeches)("says the same: $input", async ({ input, expected }) => {
    const speaker = await loadVits(onnxBackend, contextOf(family));
    const noise = noiseOf(input.seed, "cpu");
    const said = await speaker.speak({ text: input.text, manner: mannerOfSpeaker(input.speaker ?? 0), noise, signal });
    await speaker.dispose();
    expect(said).toHaveLength(expected.samples);
    const kept = numbersOf(family, expected.waveform);
    expect(distance(said.subarray(0, kept.length), kept)).toBeLessThan(TOLERANCE.samples);
  });
});

describe("speecht5", () => {
  const family = "speecht5";
  const { source, speeches } = references<SpeechReferences>(family, "speeches.json");

  test(`spells texts as ${source}`, async () => {
    const file = referenceFile(family, "model/tokenizer.json");
    const tokenizer = new Tokenizer((await readJson(file)) ?? {}, {});
    for (const { input, expected } of speeches) expect(tokenizer.encode(input.text).ids).toEqual(expected.ids);
  });

  test.each(speeches)(`says the same as ${source}: $input`, async ({ input, expected }) => {
    const speaker = await loadSpeecht5(onnxBackend, contextOf(family));
    const noise = noiseOf(input.seed, "cpu");
    const said = await speaker.speak({ text: input.text, manner: mannerOfVoice(input.voice ?? ""), noise, signal });
    await speaker.dispose();
    expect(said).toHaveLength(expected.samples);
    const kept = numbersOf(family, expected.waveform);
    expect(distance(said.subarray(0, kept.length), kept)).toBeLessThan(TOLERANCE.samples);
  });
});

/** A manner for which a model with two women's voices, and a man's, chooses this one. */
function mannerOfVoice(voice: string): Manner {
  const gender = voice.startsWith("female") ? "female" : "male";
  if (gender === "male") return { gender, speed: 1 };
  const names = ["Laura", "Lea", "Karen", "Rose", "Joy", "Anna"];
  const name = names.find((it) => chosenVoice(["female-1", "female-2"], { name: it, gender, speed: 1 }) === voice);
  return { ...(name !== undefined && { name }), gender, speed: 1 };
}

/** A manner for which a model with three voices chooses this one. */
function mannerOfSpeaker(wanted: number): Manner {
  const names = ["Laura", "Lea", "Karen", "Gary", "Rick", "Will", "Rose", "Joy", "Tom"];
  const name = names.find(
    (candidate) => chosenVoice([0, 1, 2], { name: candidate, gender: "male", speed: 1 }) === wanted,
  );
  return { ...(name !== undefined && { name }), gender: "male", speed: 1 };
}
