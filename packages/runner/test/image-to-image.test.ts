import { decodeImage, encodePng, parseDataUrl } from "@rivulet/media";
import { type MediaFile, type PipelineRequest, imageToImage as pipeline } from "@rivulet/pipelines";
import { isError, RivuletError, silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { describe, expect, test } from "vitest";
import type { Progress, RunContext } from "../src/implementation.ts";
import { imageToImage } from "../src/pipelines/image-to-image.ts";
import { textToImage } from "../src/pipelines/text-to-image.ts";
import { referenceFile } from "./parity/references.ts";
import { keepingBackend, type Run, recordingBackend } from "./recording-backend.ts";

const backend = keepingBackend();

async function load(family: string, id = family) {
  const runs: Run[] = [];
  const model = await imageToImage(() => recordingBackend(runs, { open: 0 }, backend)).load({
    directory: referenceFile(family, "model"),
    model: id,
    threads: 1,
    log: silentLogger,
    onProgress: () => {},
  });
  return { model, stepsRun: () => runs.filter(({ component }) => component === "unet").length };
}

function request(fields: Partial<PipelineRequest<"image-to-image">> = {}): PipelineRequest<"image-to-image"> {
  const small = { prompt: "a fox", num_inference_steps: 4, guidance_scale: 1, seed: 7 };
  return { ...pipeline.request.parse(small), ...fields };
}

async function picture(width: number, height: number): Promise<MediaFile> {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7) % 256);
  return { bytes: await encodePng({ width, height, data }), filename: "a.png", contentType: "image/png" };
}

async function context(overrides: Partial<RunContext> = {}): Promise<RunContext> {
  return {
    media: { image: await picture(64, 64) },
    signal: new AbortController().signal,
    randomness: seededRandomness(1),
    clock: new TestClock(),
    onProgress: () => {},
    ...overrides,
  };
}

const code = (wanted: string) => expect.toSatisfy((error) => isError(error) && error.code === wanted);

describe("image to image", () => {
  test("makes each of several pictures as its seed makes it alone", async () => {
    const { model } = await load("sd1");
    const { images } = await model.run(request({ num_images_per_prompt: 2, seed: 10 }), await context());
    expect(images.map(({ seed }) => seed)).toEqual([10, 11]);
    for (const image of images)
      expect((await model.run(request({ seed: image.seed }), await context())).images).toEqual([image]);
    expect(images[0]?.url).not.toBe(images[1]?.url);
  });

  test("runs the share of the steps that the strength says, and tells of each", async () => {
    const { model, stepsRun } = await load("sd2");
    const steps: Progress[] = [];
    const onProgress = (event: Progress) => event.kind === "step" && steps.push(event);
    await model.run(request({ strength: 0.5 }), await context({ onProgress }));
    expect(stepsRun()).toBe(2);
    expect(steps).toEqual([1, 2].map((step) => ({ kind: "step", image: 0, step, of: 2 })));
  });

  test("refuses a strength that leaves nothing to do, except where the id promises one step", async () => {
    const { model } = await load("sd2");
    const none = request({ strength: 0.1 });
    await expect(model.run(none, await context())).rejects.toEqual(code("request.rejected-by-model"));
    const turbo = await load("sd2", "stabilityai/sd-turbo");
    await turbo.model.run(none, await context());
    expect(turbo.stepsRun()).toBe(1);
    // A 49th of 49 is less than one in floating point.
    await turbo.model.run({ ...none, num_inference_steps: 49, strength: 0 }, await context());
    expect(turbo.stepsRun()).toBe(2);
  });

  test("answers in the picture's size, brought down to whole blocks", async () => {
    const { model } = await load("sd1");
    const { images } = await model.run(request(), await context({ media: { image: await picture(79, 65) } }));
    const made = await decodeImage(parseDataUrl(images[0]?.url ?? "", { maxBytes: 1_000_000 }).bytes);
    expect([made.width, made.height]).toEqual([72, 64]);
  });

  test("refuses what is no picture, or too small a one, naming the field", async () => {
    const { model } = await load("sd1");
    const notOne = { ...(await picture(8, 8)), bytes: new TextEncoder().encode("not a picture at all") };
    await expect(model.run(request(), await context({ media: { image: notOne } }))).rejects.toMatchObject({
      facts: { field: "image" },
    });
    const tiny = await picture(7, 64);
    await expect(model.run(request(), await context({ media: { image: tiny } }))).rejects.toMatchObject({
      code: "request.media-undecodable",
      facts: { field: "image" },
    });
  });

  test("refuses adapters by name, and a prompt without words", async () => {
    const { model } = await load("sd1");
    for (const [field, fields] of Object.entries({ loras: { loras: '{"some/lora": 1}' }, prompt: { prompt: "  " } }))
      await expect(model.run(request(fields), await context())).rejects.toMatchObject({
        code: "request.rejected-by-model",
        facts: { field },
      });
  });

  test("ends within a step when it is called off", async () => {
    const { model, stepsRun } = await load("sd2");
    const controller = new AbortController();
    const onProgress = () => controller.abort(new RivuletError("request.cancelled", {}));
    const running = model.run(request({ strength: 1 }), await context({ signal: controller.signal, onProgress }));
    await expect(running).rejects.toEqual(code("request.cancelled"));
    expect(stepsRun()).toBe(1);
  });

  test("shows a model that edits by instruction the picture at every step, and ignores the strength", async () => {
    const { model, stepsRun } = await load("pix2pix");
    await model.run(request({ strength: 0.1, guidance_scale: 5 }), await context());
    expect(stepsRun()).toBe(4);
  });

  test("is what a model that edits by instruction is for", async () => {
    const loading = textToImage(() => backend).load({
      directory: referenceFile("pix2pix", "model"),
      model: "pix2pix",
      threads: 1,
      log: silentLogger,
      onProgress: () => {},
    });
    await expect(loading).rejects.toThrow(RangeError);
  });
});
