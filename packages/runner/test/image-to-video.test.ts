import { decodeImage, encodePng, parseDataUrl } from "@rivulet/media";
import { type MediaFile, type PipelineRequest, imageToVideo as pipeline } from "@rivulet/pipelines";
import { isError, RivuletError, silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { describe, expect, test } from "vitest";
import type { Progress, RunContext } from "../src/implementation.ts";
import { imageToVideo } from "../src/pipelines/image-to-video.ts";
import { floatsOf } from "../src/tensor.ts";
import { referenceFile } from "./parity/references.ts";
import { keepingBackend, type Run, recordingBackend } from "./recording-backend.ts";

const backend = keepingBackend();

async function load(family = "svd") {
  const runs: Run[] = [];
  const counts = { open: 0 };
  const model = await imageToVideo(() => recordingBackend(runs, counts, backend)).load({
    directory: referenceFile(family, "model"),
    model: family,
    threads: 1,
    log: silentLogger,
    onProgress: () => {},
  });
  return { model, counts, runsOf: (wanted: string) => runs.filter(({ component }) => component === wanted) };
}

function request(fields: Partial<PipelineRequest<"image-to-video">> = {}): PipelineRequest<"image-to-video"> {
  return { ...pipeline.request.parse({}), width: 32, height: 24, num_inference_steps: 2, seed: 7, ...fields };
}

async function picture(width: number, height: number): Promise<MediaFile> {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7) % 256);
  return { bytes: await encodePng({ width, height, data }), filename: "a.png", contentType: "image/png" };
}

async function context(overrides: Partial<RunContext> = {}): Promise<RunContext> {
  return {
    media: { image: await picture(50, 40) },
    signal: new AbortController().signal,
    randomness: seededRandomness(1),
    clock: new TestClock(),
    onProgress: () => {},
    ...overrides,
  };
}

const code = (wanted: string) => expect.toSatisfy((error) => isError(error) && error.code === wanted);

describe("image to video", () => {
  test("makes the frames of one video in the size that was asked for, and tells of each step", async () => {
    const { model } = await load();
    const steps: Progress[] = [];
    const { frames } = await model.run(request(), await context({ onProgress: (progress) => steps.push(progress) }));
    expect(frames).toHaveLength(1);
    const [film = []] = frames;
    expect(film).toHaveLength(5);
    for (const { url, seed, nsfw } of film) {
      const { width, height } = await decodeImage(parseDataUrl(url, { maxBytes: 1_000_000 }).bytes);
      expect([width, height, seed, nsfw]).toEqual([32, 24, 7, false]);
    }
    expect(steps).toEqual([1, 2].map((step) => ({ kind: "step", image: 0, step, of: 2 })));
  });

  test("is the same for the same seed, drawn for who names none", async () => {
    const { model } = await load();
    const { frames } = await model.run(request({ seed: undefined }), await context());
    const seed = frames[0]?.[0]?.seed ?? Number.NaN;
    expect(frames[0]?.every((frame) => frame.seed === seed)).toBe(true);
    expect(await model.run(request({ seed }), await context())).toEqual({ frames });
    expect(await model.run(request({ seed: seed - 1 }), await context())).not.toEqual({ frames });
  });

  test("tells the model the frame rate less one, the motion and the noise", async () => {
    const { model, runsOf } = await load();
    const wish = { fps: 12, motion_bucket_id: 50, noise_aug_strength: 0.5 };
    await model.run(request(wish), await context());
    const [first] = runsOf("unet");
    expect(first?.feeds["added_time_ids"] && [...floatsOf(first.feeds["added_time_ids"])]).toEqual([
      11, 50, 0.5, 11, 50, 0.5,
    ]);
  });

  test("decodes four frames at a time", async () => {
    const { model, runsOf } = await load();
    await model.run(request(), await context());
    expect(runsOf("vae_decoder").map(({ feeds }) => feeds["latent_sample"]?.dims)).toEqual([
      [4, 4, 3, 4],
      [1, 4, 3, 4],
    ]);
  });

  test.each([
    [1, 1],
    [1, 300],
    [1200, 3],
  ])("takes pictures of %i × %i", async (width, height) => {
    const { model } = await load();
    const { frames } = await model.run(
      request({ num_inference_steps: 1 }),
      await context({ media: { image: await picture(width, height) } }),
    );
    expect(frames[0]).toHaveLength(5);
  });

  test("makes any size, of whole latent elements and what is left of them", async () => {
    const { model } = await load();
    const { frames } = await model.run(request({ width: 36, height: 25, num_inference_steps: 1 }), await context());
    for (const { url } of frames[0] ?? [])
      expect(await decodeImage(parseDataUrl(url, { maxBytes: 1_000_000 }).bytes)).toMatchObject({
        width: 36,
        height: 25,
      });
  });

  test("refuses pictures that are none, naming the field", async () => {
    const { model, runsOf } = await load();
    const notOne = { bytes: Buffer.from("no picture"), filename: "a.png", contentType: "image/png" };
    await expect(model.run(request(), await context({ media: { image: notOne } }))).rejects.toMatchObject({
      facts: { field: "image" },
    });
    expect(runsOf("unet")).toEqual([]);
  });

  test("ends within a step when it is called off, and after the last one before the frames are decoded", async () => {
    const { model, runsOf } = await load();
    for (const stop of [1, 2]) {
      const controller = new AbortController();
      const onProgress = (progress: Progress) => {
        if (progress.kind === "step" && progress.step === stop)
          controller.abort(new RivuletError("request.cancelled", {}));
      };
      const running = model.run(request(), await context({ signal: controller.signal, onProgress }));
      await expect(running).rejects.toEqual(code("request.cancelled"));
      expect(runsOf("vae_decoder")).toEqual([]);
    }
  });

  test("gives all files back, also those of a model of another family", async () => {
    const { model, counts } = await load();
    expect(counts.open).toBe(4);
    await model.dispose();
    expect(counts.open).toBe(0);
    await expect(load("sd1")).rejects.toThrow(RangeError);
    await expect(load("swin2sr")).rejects.toThrow(RangeError);
  });
});
