import { readFileSync } from "node:fs";
import { decodeImage, parseDataUrl } from "@rivulet/media";
import { textToImage as pipeline } from "@rivulet/pipelines";
import { silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { describe, expect, test } from "vitest";
import { timestepFeed } from "../../src/diffusion/timestep.ts";
import { ModelSettings } from "../../src/model-settings.ts";
import { textToImage } from "../../src/pipelines/text-to-image.ts";
import { type SchedulerClass, schedulers } from "../../src/schedulers/scheduler.ts";
import { floatsOf, tensorOf } from "../../src/tensor.ts";
import { loadClipTokenizer } from "../../src/tokenizers/clip-tokenizer.ts";
import { keepingBackend, type Run, recordingBackend } from "../recording-backend.ts";
import { distance } from "../vectors.ts";
import { LEAST_PSNR, psnr, TOLERANCE } from "./comparison.ts";
import { publishedModel } from "./published.ts";
import { type FamilyReferences, families, numbersOf, referenceFile, references, type Wish } from "./references.ts";

const backend = keepingBackend();

for (const family of families()) {
  const recorded = references<FamilyReferences>(family);
  const open = (component: string) =>
    backend.open(referenceFile(family, `model/${component}/model.onnx`), { threads: 1 });

  describe(`${family} agrees with ${recorded.source}:`, () => {
    test("tokens", async () => {
      const tokenizers = new Map<string, Awaited<ReturnType<typeof loadClipTokenizer>>>();
      for (const { input, expected } of recorded.tokens) {
        const known = tokenizers.get(input.tokenizer);
        const tokenizer = known ?? (await loadClipTokenizer(referenceFile(family, `model/${input.tokenizer}`)));
        tokenizers.set(input.tokenizer, tokenizer);
        expect([input.text, tokenizer.encode(input.text)]).toEqual([input.text, expected.ids]);
      }
    });

    test.each(recorded.texts)("states of $input.encoder", async ({ input, expected }) => {
      const graph = await open(input.encoder);
      const [port] = graph.inputs;
      const ids = tensorOf(port?.type ?? "int64", input.input_ids, [1, input.input_ids.length]);
      const names = Object.keys(expected).filter((name) => graph.outputs.some((output) => output.name === name));
      expect(names.length).toBeGreaterThan(0);
      const results = await graph.run({ input_ids: ids }, names);
      for (const name of names) {
        const [result, wanted] = [results[name], expected[name]];
        if (result === undefined || wanted === undefined) throw new RangeError(`${name} is missing`);
        expect(distance(floatsOf(result), numbersOf(family, wanted))).toBeLessThan(TOLERANCE.text);
      }
      await graph.close();
    });

    test.each(recorded.unet)("one answer of the denoiser at $input.timestep", async ({ input, expected }) => {
      const graph = await open("unet");
      const feeds = Object.fromEntries(
        graph.inputs.map((port) => {
          if (port.name === "timestep") return [port.name, timestepFeed(port, input.timestep, 2)];
          const file = input[port.name];
          if (file === undefined) throw new RangeError(`nothing is recorded for ${port.name}`);
          return [port.name, tensorOf(port.type, numbersOf(family, file), file.shape)];
        }),
      );
      const { out_sample: result } = await graph.run(feeds);
      if (result === undefined) throw new RangeError("there is no answer");
      expect(distance(floatsOf(result), numbersOf(family, expected.out_sample))).toBeLessThan(TOLERANCE.denoiser);
      await graph.close();
    });

    test.each(recorded.vae)("the autoencoder's $input.part", async ({ input, expected }) => {
      const graph = await open(input.part);
      const [port] = graph.inputs;
      const [name = ""] = Object.keys(expected);
      const [file, wanted] = [input[port?.name ?? ""], expected[name]];
      if (port === undefined || file === undefined || wanted === undefined) throw new RangeError("nothing is recorded");
      const results = await graph.run({ [port.name]: tensorOf(port.type, numbersOf(family, file), file.shape) }, [
        name,
      ]);
      const result = results[name];
      if (result === undefined) throw new RangeError("there is no result");
      expect(distance(floatsOf(result), numbersOf(family, wanted))).toBeLessThan(TOLERANCE.decoder);
      await graph.close();
    });

    const pictures = recorded.images.filter(({ input }) => !isOurOwn(input, family));
    test.each(pictures)(
      "the picture of $input.scheduler, $input.steps steps, guidance $input.guidance, seed $input.seed",
      async ({ input, expected }) => expectAlike(family, await make(family, input), expected),
    );
  });
}

describe("a model asked under its published id takes the numbers that it was made for, not the request's:", () => {
  test.each([
    ["turbo", "stabilityai/sd-turbo", "EulerDiscreteScheduler", 4],
    ["sdxl-turbo", "stabilityai/sdxl-turbo", "EulerAncestralDiscreteScheduler", 4],
    ["sdxl-lightning", "ByteDance/SDXL-Lightning-4step", "EulerDiscreteScheduler", 30],
  ])("%s as %s", async (family, id, scheduler, steps) => {
    const { images } = references<FamilyReferences>(family);
    const image = images.find(
      ({ input: wish }) => wish.scheduler === scheduler && wish.steps === 4 && wish.guidance === 0,
    );
    if (image === undefined) throw new RangeError("no such picture is recorded");
    await expectAlike(family, await make(family, { ...image.input, steps, guidance: 7.5 }, id), image.expected);
  });
});

test("a family of each kind is recorded, and every method with each", () => {
  expect(families()).toEqual(
    expect.arrayContaining(["sd1", "sd2", "turbo", "lcm", "sdxl", "sdxl-turbo", "sdxl-lightning"]),
  );
  for (const family of families()) {
    const used = new Set(references<FamilyReferences>(family).images.map(({ input }) => input.scheduler));
    expect([...used]).toEqual(expect.arrayContaining(Object.keys(schedulers)));
  }
});

/**
 * What the network does differently from the library alone: its runners drop an empty negative prompt, which with two
 * encoders then means zeros, where the library would encode the empty text. Source: runner-and-models 1.2.9.
 */
function isOurOwn({ negative_prompt, guidance }: Wish, family: string): boolean {
  return family.startsWith("sdxl") && negative_prompt === "" && guidance > 1;
}

interface Made {
  readonly latents: Float32Array;
  readonly url: string;
}

async function expectAlike(
  family: string,
  { latents, url }: Made,
  expected: FamilyReferences["images"][0]["expected"],
) {
  expect(distance(latents, numbersOf(family, expected.latents))).toBeLessThan(TOLERANCE.latents);
  const ours = await decodeImage(parseDataUrl(url, { maxBytes: 1_000_000 }).bytes);
  const theirs = await decodeImage(readFileSync(referenceFile(family, expected.file)));
  expect([ours.width, ours.height]).toEqual([theirs.width, theirs.height]);
  expect(psnr(ours.data, theirs.data)).toBeGreaterThan(LEAST_PSNR);
}

/** The picture of a wish, and the latent picture it was decoded from. Under a published id it is made with that model's own method. */
async function make(family: string, wish: Wish, id?: string): Promise<Made> {
  const runs: Run[] = [];
  const scheduler = { className: wish.scheduler as SchedulerClass };
  const model = await textToImage(() => recordingBackend(runs, { open: 0 }, backend)).load({
    directory: id === undefined ? referenceFile(family, "model") : await publishedModel(family),
    model: id ?? family,
    threads: 1,
    engine: { seedMode: "cpu", ...(id === undefined && { scheduler }) },
    log: silentLogger,
    onProgress: () => {},
  });
  const request = pipeline.request.parse({
    prompt: wish.prompt_2 === undefined ? wish.prompt : `${wish.prompt} | ${wish.prompt_2}`,
    negative_prompt: wish.negative_prompt ?? "",
    seed: wish.seed,
    width: wish.width,
    height: wish.height,
    num_inference_steps: wish.steps,
    guidance_scale: wish.guidance,
  });
  const { images } = await model.run(request, {
    media: {},
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
