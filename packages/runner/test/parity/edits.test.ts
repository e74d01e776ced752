import { readFileSync } from "node:fs";
import { decodeImage, parseDataUrl } from "@rivulet/media";
import { imageToImage as pipeline } from "@rivulet/pipelines";
import { silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { describe, expect, test } from "vitest";
import { ModelSettings } from "../../src/model-settings.ts";
import { imageToImage } from "../../src/pipelines/image-to-image.ts";
import type { SchedulerClass } from "../../src/schedulers/scheduler.ts";
import { floatsOf } from "../../src/tensor.ts";
import { keepingBackend, type Run, recordingBackend } from "../recording-backend.ts";
import { distance } from "../vectors.ts";
import { LEAST_PSNR, psnr, TOLERANCE } from "./comparison.ts";
import { publishedModel } from "./published.ts";
import {
  type EditReferences,
  type EditWish,
  editFamilies,
  numbersOf,
  referenceFile,
  references,
} from "./references.ts";

const backend = keepingBackend();

describe.each(editFamilies())("%s", (family) => {
  const { edits, picture, source } = references<EditReferences>(family, "edits.json");

  const titled = edits.map((edit) => ({ ...edit, what: edit.input.model ?? edit.input.scheduler }));
  test.each(titled)(
    `agrees with ${source}: $what, $input.steps steps, strength $input.strength, guidance $input.guidance, seed $input.seed`,
    async ({ input, expected }) => {
      const { latents, url } = await make(family, picture, input);
      const tolerance = input.image_guidance === undefined ? TOLERANCE.latents : TOLERANCE.latentsByInstruction;
      expect(distance(latents, numbersOf(family, expected.latents))).toBeLessThan(tolerance);
      const ours = await decodeImage(parseDataUrl(url, { maxBytes: 1_000_000 }).bytes);
      const theirs = await decodeImage(readFileSync(referenceFile(family, expected.file)));
      expect([ours.width, ours.height]).toEqual([theirs.width, theirs.height]);
      expect(psnr(ours.data, theirs.data)).toBeGreaterThan(LEAST_PSNR);
    },
  );
});

test("every kind of model is recorded", () => {
  expect(editFamilies()).toEqual(
    expect.arrayContaining(["sd1", "sd2", "turbo", "lcm", "sdxl", "sdxl-turbo", "sdxl-lightning", "pix2pix"]),
  );
});

/** The picture of a wish, and the latent picture it was decoded from. */
async function make(family: string, picture: string, wish: EditWish) {
  const runs: Run[] = [];
  const scheduler = { className: wish.scheduler as SchedulerClass };
  const model = await imageToImage(() => recordingBackend(runs, { open: 0 }, backend)).load({
    directory: wish.model === undefined ? referenceFile(family, "model") : await publishedModel(family),
    model: wish.model ?? family,
    threads: 1,
    engine: { seedMode: "cpu", ...(wish.model === undefined && { scheduler }) },
    log: silentLogger,
    onProgress: () => {},
  });
  const request = pipeline.request.parse({
    prompt: wish.prompt,
    negative_prompt: wish.negative_prompt,
    seed: wish.seed,
    num_inference_steps: wish.steps,
    guidance_scale: wish.guidance,
    strength: wish.strength,
    image_guidance_scale: wish.image_guidance,
  });
  const bytes = readFileSync(referenceFile(family, picture));
  const { images } = await model.run(request, {
    media: { image: { bytes, filename: picture, contentType: "image/png" } },
    signal: new AbortController().signal,
    randomness: seededRandomness(0),
    clock: new TestClock(),
    onProgress: () => {},
  });
  await model.dispose();
  const decoded = runs.find(({ component }) => component === "vae_decoder")?.feeds["latent_sample"];
  if (decoded === undefined) throw new RangeError("nothing was decoded");
  const autoencoder = await ModelSettings.read(referenceFile(family, "model/vae_decoder/config.json"));
  const scale = autoencoder.number("scaling_factor", Number.NaN);
  return { latents: floatsOf(decoded).map((value) => value * scale), url: images[0]?.url ?? "" };
}
