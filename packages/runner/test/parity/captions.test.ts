import { readFileSync } from "node:fs";
import { decodeImage } from "@rivulet/media";
import { imageToText as pipeline } from "@rivulet/pipelines";
import { silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { describe, expect, test } from "vitest";
import { imageToText } from "../../src/pipelines/image-to-text.ts";
import { floatsOf } from "../../src/tensor.ts";
import { loadTextTokenizer } from "../../src/tokenizers/text-tokenizer.ts";
import { CLIP, PictureInput } from "../../src/vision/picture-input.ts";
import { bicubic } from "../../src/vision/resample.ts";
import { keepingBackend, type Run, recordingBackend } from "../recording-backend.ts";
import { distance } from "../vectors.ts";
import { TOLERANCE } from "./comparison.ts";
import { type CaptionReferences, numbersOf, referenceFile, references } from "./references.ts";

const backend = keepingBackend();

describe.each(["blip", "vit-gpt2", "florence2"])("%s", (family) => {
  const { source, captions } = references<CaptionReferences>(family, "captions.json");
  const directory = referenceFile(family, "model");

  test(`sees pictures as ${source}`, async () => {
    const input = await PictureInput.read(directory, { side: 1, kernel: bicubic, ...CLIP });
    for (const { input: given, expected } of captions) {
      const picture = await decodeImage(readFileSync(referenceFile(family, given.picture)));
      expect(distance(input.planes(picture), numbersOf(family, expected.pixels))).toBeLessThan(TOLERANCE.pixels);
    }
  });

  test("reads prompts and writes captions the same", async () => {
    const tokenizer = await loadTextTokenizer(directory);
    for (const { input, expected } of captions) {
      // A task is not read by the decoder.
      const read = family === "florence2" ? 2 : 1;
      if (!input.prompt.startsWith("<")) expect(tokenizer.encode(input.prompt)).toEqual(expected.ids.slice(read));
      expect(tokenizer.decode(expected.tokens.slice(1))).toBe(expected.text);
    }
  });

  test.each(captions)("finds the same caption: $input", async ({ input, expected }) => {
    const runs: Run[] = [];
    const model = await imageToText(() => recordingBackend(runs, { open: 0 }, backend)).load({
      directory,
      model: family,
      threads: 1,
      log: silentLogger,
      onProgress: () => {},
    });
    const bytes = readFileSync(referenceFile(family, input.picture));
    const { text } = await model.run(pipeline.request.parse({ prompt: input.prompt }), {
      media: { image: { bytes, filename: "source.png", contentType: "image/png" } },
      signal: new AbortController().signal,
      randomness: seededRandomness(0),
      clock: new TestClock(),
      onProgress: () => {},
    });
    expect(text).toBe(expected.text);
    const [first] = runs.filter(({ results }) => "logits" in results);
    const logits = floatsOf(first?.results["logits"] ?? raise("no decoder ran")).subarray(-expected.logits.length);
    expect(distance(logits, expected.logits)).toBeLessThan(TOLERANCE.logits);
  });
});

function raise(reason: string): never {
  throw new Error(reason);
}
