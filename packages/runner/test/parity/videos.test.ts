import { readFileSync } from "node:fs";
import { decodeImage, parseDataUrl } from "@rivulet/media";
import { imageToVideo as pipeline } from "@rivulet/pipelines";
import { silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { describe, expect, test } from "vitest";
import { ModelSettings } from "../../src/model-settings.ts";
import { imageToVideo } from "../../src/pipelines/image-to-video.ts";
import { floatsOf } from "../../src/tensor.ts";
import { clipView } from "../../src/video/clip-view.ts";
import { ImageEncoder } from "../../src/video/image-encoder.ts";
import { keepingBackend, type Run, recordingBackend } from "../recording-backend.ts";
import { distance } from "../vectors.ts";
import { LEAST_PSNR, psnr, TOLERANCE } from "./comparison.ts";
import { numbersOf, referenceFile, references, type VideoReferences } from "./references.ts";

const family = "svd";
const backend = keepingBackend();
const { source, views, videos } = references<VideoReferences>(family, "videos.json");
const SIDE = 224;

describe(family, () => {
  test.each(views)(`shows the image encoder what ${source} shows it: $input.picture`, async ({ input, expected }) => {
    const picture = await decodeImage(readFileSync(referenceFile(family, input.picture)));
    const settings = await ModelSettings.read(
      referenceFile(family, "model/feature_extractor/preprocessor_config.json"),
    );
    const mean = settings.findNumbers("image_mean") ?? [];
    const deviation = settings.findNumbers("image_std") ?? [];
    const kept = clipView(picture, SIDE, { mean, deviation }).filter(
      (_, i) => i % input.stride === (i - (i % SIDE)) % input.stride && Math.floor(i / SIDE) % input.stride === 0,
    );
    expect(distance(kept, numbersOf(family, expected.pixel_values))).toBeLessThan(TOLERANCE.text);
    const graph = await backend.open(referenceFile(family, "model/image_encoder/model.onnx"), { threads: 1 });
    const embedding = await new ImageEncoder(graph, settings).encode(picture);
    expect(distance(embedding, numbersOf(family, expected.image_embeds))).toBeLessThan(TOLERANCE.text);
  });

  test.each(videos)(
    `agrees with ${source}: $input.width × $input.height, $input.steps steps, seed $input.seed`,
    async ({ input, expected }) => {
      const runs: Run[] = [];
      const model = await imageToVideo(() => recordingBackend(runs, { open: 0 }, backend)).load({
        directory: referenceFile(family, "model"),
        model: family,
        threads: 1,
        engine: { seedMode: "cpu" },
        log: silentLogger,
        onProgress: () => {},
      });
      const { picture, steps, ...wish } = input;
      const request = { ...pipeline.request.parse({}), ...wish, num_inference_steps: steps };
      const { frames } = await model.run(request, {
        media: {
          image: { bytes: readFileSync(referenceFile(family, picture)), filename: picture, contentType: "image/png" },
        },
        signal: new AbortController().signal,
        randomness: seededRandomness(0),
        clock: new TestClock(),
        onProgress: () => {},
      });
      await model.dispose();
      const autoencoder = await ModelSettings.read(referenceFile(family, "model/vae_decoder/config.json"));
      const scale = autoencoder.number("scaling_factor", Number.NaN);
      const latents = runs
        .filter(({ component }) => component === "vae_decoder")
        .flatMap(({ feeds }) => (feeds["latent_sample"] === undefined ? [] : [...floatsOf(feeds["latent_sample"])]));
      expect(
        distance(
          latents.map((value) => value * scale),
          numbersOf(family, expected.latents),
        ),
      ).toBeLessThan(TOLERANCE.latents);
      const strip = await decodeImage(readFileSync(referenceFile(family, expected.file)));
      const [film = []] = frames;
      expect(film).toHaveLength(expected.frames);
      for (const [index, { url, seed }] of film.entries()) {
        const ours = await decodeImage(parseDataUrl(url, { maxBytes: 1_000_000 }).bytes);
        expect([ours.width, ours.height, seed]).toEqual([input.width, input.height, input.seed]);
        const size = ours.data.length;
        expect(psnr(ours.data, strip.data.subarray(index * size, (index + 1) * size))).toBeGreaterThan(LEAST_PSNR);
      }
    },
  );
});
