import { readFileSync } from "node:fs";
import { decodeImage } from "@rivulet/media";
import { segmentAnything2 as pipeline } from "@rivulet/pipelines";
import { silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { describe, expect, test } from "vitest";
import { segmentAnything2 } from "../../src/pipelines/segment-anything-2.ts";
import { IMAGENET, PictureInput } from "../../src/vision/picture-input.ts";
import { bilinear } from "../../src/vision/resample.ts";
import { keepingBackend } from "../recording-backend.ts";
import { distance } from "../vectors.ts";
import { TOLERANCE } from "./comparison.ts";
import { type MaskReferences, numbersOf, referenceFile, references } from "./references.ts";

const backend = keepingBackend();

describe.each(["sam2"])("%s", (family) => {
  const { source, masks: cases } = references<MaskReferences>(family, "masks.json");
  const directory = referenceFile(family, "model");
  const fileOf = (name: string) => readFileSync(referenceFile(family, name));

  test(`sees pictures as ${source}`, async () => {
    const input = await PictureInput.read(directory, { side: 1, kernel: bilinear, ...IMAGENET });
    for (const { input: given, expected } of cases) {
      const planes = input.planes(await decodeImage(fileOf(given.picture)));
      expect(distance(planes, numbersOf(family, expected.pixels))).toBeLessThan(TOLERANCE.pixels);
    }
  });

  test.each(cases)("finds the same masks: $input", async ({ input: { picture, ...given }, expected }) => {
    const model = await segmentAnything2(() => backend).load({
      directory,
      model: family,
      threads: 1,
      log: silentLogger,
      onProgress: () => {},
    });
    const fields = Object.entries(given).map(([key, value]) => [
      key,
      typeof value === "boolean" ? value : JSON.stringify(value),
    ]);
    const answer = await model.run(pipeline.request.parse(Object.fromEntries(fields)), {
      media: { image: { bytes: fileOf(picture), filename: picture, contentType: "image/png" } },
      signal: new AbortController().signal,
      randomness: seededRandomness(0),
      clock: new TestClock(),
      onProgress: () => {},
    });
    expect(distance(JSON.parse(answer.scores), expected.scores)).toBeLessThan(TOLERANCE.scores);
    for (const part of ["masks", "logits"] as const) {
      const told: number[][][] = JSON.parse(answer[part]);
      expect([told.length, told[0]?.length, told[0]?.[0]?.length]).toEqual(expected[part].shape);
      expect(distance(told.flat(2), numbersOf(family, expected[part]))).toBeLessThan(TOLERANCE.masks);
    }
  });
});
