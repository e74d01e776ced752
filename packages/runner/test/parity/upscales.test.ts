import { readFileSync } from "node:fs";
import { decodeImage, parseDataUrl } from "@rivulet/media";
import { upscale as pipeline } from "@rivulet/pipelines";
import { silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { describe, expect, test } from "vitest";
import { upscale } from "../../src/pipelines/upscale.ts";
import { keepingBackend } from "../recording-backend.ts";
import { LEAST_PSNR, psnr } from "./comparison.ts";
import { referenceFile, references, type UpscaleReferences } from "./references.ts";

const backend = keepingBackend();

/** Of 255: what one rounding more or less makes. Source: runner-and-models 7.19. */
const LEVELS = 1;

describe.each(["x4", "swin2sr"])("%s", (family) => {
  const { source, picture, upscales } = references<UpscaleReferences>(family, "upscales.json");

  test.each(upscales)(`agrees with ${source}: $input`, async ({ input, expected }) => {
    const model = await upscale(() => backend).load({
      directory: referenceFile(family, "model"),
      model: family,
      threads: 1,
      engine: { seedMode: "cpu" },
      log: silentLogger,
      onProgress: () => {},
    });
    const { prompt, seed, steps } = input;
    const bytes = readFileSync(referenceFile(family, input.picture ?? picture));
    const { images } = await model.run(pipeline.request.parse({ prompt, seed, num_inference_steps: steps }), {
      media: { image: { bytes, filename: "source.png", contentType: "image/png" } },
      signal: new AbortController().signal,
      randomness: seededRandomness(0),
      clock: new TestClock(),
      onProgress: () => {},
    });
    await model.dispose();
    const ours = await decodeImage(parseDataUrl(images[0]?.url ?? "", { maxBytes: 1_000_000 }).bytes);
    const theirs = await decodeImage(readFileSync(referenceFile(family, expected.file)));
    expect([ours.width, ours.height]).toEqual([theirs.width, theirs.height]);
    expect(images[0]?.seed).toBe(seed);
    if (family === "swin2sr") {
      const worst = ours.data.reduce((most, value, i) => Math.max(most, Math.abs(value - (theirs.data[i] ?? 0))), 0);
      expect(worst).toBeLessThanOrEqual(LEVELS);
    } else expect(psnr(ours.data, theirs.data)).toBeGreaterThan(LEAST_PSNR);
  });
});
