import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeImage, parseDataUrl, type Rgb8 } from "@rivulet/media";
import { type PipelineRequest, textToImage as pipeline } from "@rivulet/pipelines";
import { isError, RivuletError, silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Backend, Graph } from "../src/backend.ts";
import { onnxBackend } from "../src/backends/onnx/onnx-backend.ts";
import type { EngineOptions, LoadedModel, Progress, RunContext } from "../src/implementation.ts";
import { textToImage } from "../src/pipelines/text-to-image.ts";
import { noiseOf } from "../src/random/noise.ts";
import { floatsOf, type Tensor } from "../src/tensor.ts";
import { type Run, recordingBackend } from "./recording-backend.ts";
import {
  embeddingOf,
  SCALING_FACTOR,
  type TinyModel,
  TOKENS,
  tinyVocabulary,
  WIDTH,
  writeTinyModel,
} from "./tiny-model.ts";
import { distance } from "./vectors.ts";

let root: string;
let vocab: Readonly<Record<string, number>>;
beforeAll(async () => {
  ({ vocab } = await tinyVocabulary());
  root = await mkdtemp(join(tmpdir(), "rivulet-diffusion-"));
});
afterAll(() => rm(root, { recursive: true }));

interface Loaded {
  readonly model: LoadedModel<"text-to-image">;
  readonly runs: Run[];
  readonly counts: { open: number };
  readonly progress: Progress[];
}

let written = 0;
async function load(
  tiny: TinyModel,
  options: EngineOptions & { id?: string } = {},
  backend?: Backend,
): Promise<Loaded> {
  const directory = join(root, `model-${++written}`);
  await writeTinyModel(directory, tiny);
  const [runs, counts, progress]: [Run[], { open: number }, Progress[]] = [[], { open: 0 }, []];
  const { id = "tiny", ...engine } = options;
  const model = await textToImage(() => recordingBackend(runs, counts, backend)).load({
    directory,
    model: id,
    threads: 1,
    engine,
    log: silentLogger,
    onProgress: (event) => progress.push(event),
  });
  return { model, runs, counts, progress };
}

function request(fields: Partial<PipelineRequest<"text-to-image">> = {}): PipelineRequest<"text-to-image"> {
  const small = { prompt: "a fox", width: 64, height: 64, num_inference_steps: 2, guidance_scale: 1, seed: 7 };
  return { ...pipeline.request.parse(small), ...fields };
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

/** ONNX Runtime, but for the runs of one part of a model. */
function failingAt(component: string, reason: string): Backend {
  const backend = onnxBackend({ log: silentLogger });
  return {
    async open(file, options) {
      const graph = await backend.open(file, options);
      const { inputs, outputs } = graph;
      const run: Graph["run"] = (feeds, names) =>
        file.includes(component) ? Promise.reject(new Error(reason)) : graph.run(feeds, names);
      return { file, inputs, outputs, run, close: () => graph.close() };
    },
  };
}

async function pictureOf(url: string | undefined): Promise<Rgb8> {
  return decodeImage(parseDataUrl(url ?? "", { maxBytes: 10_000_000 }).bytes);
}

const runsOf = (runs: readonly Run[], component: string) => runs.filter((run) => run.component === component);
const dimsOf = (runs: readonly Run[], component: string, input: string) =>
  runsOf(runs, component).map(({ feeds }) => feeds[input]?.dims);

const code = (wanted: string) => expect.toSatisfy((error) => isError(error) && error.code === wanted);

describe("text to image", () => {
  test("makes the picture that the method and the seed determine", async () => {
    const { model } = await load({ family: "sd" });
    const { images } = await model.run(request({ num_inference_steps: 1, seed: 3 }), context());
    expect(images).toEqual([{ url: expect.stringMatching(/^data:image\/png;base64,/), seed: 3, nsfw: false }]);
    const picture = await pictureOf(images[0]?.url);
    expect([picture.width, picture.height]).toEqual([64, 64]);

    // One step of Euler by hand: x = σ·n, the model sees n·σ/√(σ²+1), and the answer is σ times its answer less.
    const sigma = 14.614647;
    const noise = noiseOf(3)(4 * 8 * 8);
    const [start = 0, end = 0] = [vocab["<|startoftext|>"], vocab["<|endoftext|>"]];
    const tokens = [start, ...tokenIds("a fox"), ...new Array<number>(TOKENS).fill(end)].slice(0, TOKENS);
    const mean = tokens.flatMap(embeddingOf).reduce((sum, value) => sum + value, 0) / (TOKENS * WIDTH);
    for (const [channel, row, column] of [
      [0, 0, 0],
      [1, 3, 5],
      [2, 7, 7],
    ] as const) {
      const n = noise[channel * 64 + row * 8 + column] ?? 0;
      const answer = (0.3 * n * sigma) / Math.sqrt(sigma ** 2 + 1) + 0.0999 + mean;
      const value = (sigma * (n - answer)) / SCALING_FACTOR;
      const byte = Math.round(Math.min(1, Math.max(0, value / 2 + 0.5)) * 255);
      expect(byte).toBeGreaterThan(0);
      expect(byte).toBeLessThan(255);
      expect(Math.abs((picture.data[(row * 8 * 64 + column * 8) * 3 + channel] ?? 0) - byte)).toBeLessThanOrEqual(1);
    }
  });

  test("makes each of several pictures as its seed makes it alone", async () => {
    const { model, runs } = await load({ family: "sd", scheduler: { _class_name: "EulerAncestralDiscreteScheduler" } });
    const together = await model.run(request({ num_images_per_prompt: 3, seed: 10 }), context());
    expect(together.images.map(({ seed }) => seed)).toEqual([10, 11, 12]);
    expect(new Set(together.images.map(({ url }) => url)).size).toBe(3);
    for (const image of together.images)
      expect((await model.run(request({ seed: image.seed }), context())).images).toEqual([image]);
    expect(runsOf(runs, "text_encoder")).toHaveLength(1);
  });

  test("draws a seed of 32 bits when none is asked for, and says which", async () => {
    const { model } = await load({ family: "sd" });
    const { seed: _, ...unseeded } = request();
    const [image] = (await model.run(unseeded, context())).images;
    expect(image?.seed).toBe(Math.floor(seededRandomness(1).uniform() * 2 ** 32));
  });

  test("asks once a step without guidance, and with it for both prompts in one run, the negative one first", async () => {
    const { model, runs } = await load({ family: "sd" });
    await model.run(request(), context());
    expect(dimsOf(runs, "unet", "sample")).toEqual([
      [1, 4, 8, 8],
      [1, 4, 8, 8],
    ]);
    runs.length = 0;
    await model.run(request({ guidance_scale: 7.5, negative_prompt: "blue" }), context());
    expect(dimsOf(runs, "unet", "sample")).toEqual([
      [2, 4, 8, 8],
      [2, 4, 8, 8],
    ]);
    // The prompt is known from the first run; the negative one is new.
    const [encoded] = runsOf(runs, "text_encoder");
    expect(encoded?.feeds["input_ids"]?.dims).toEqual([1, TOKENS]);
    const states = floatsOf(runsOf(runs, "unet")[0]?.feeds["encoder_hidden_states"] as Tensor);
    const second = Array.from(states.subarray(TOKENS * WIDTH + WIDTH, TOKENS * WIDTH + 2 * WIDTH));
    const [a = 0] = tokenIds("a fox");
    expect(second).toEqual(Array.from(Float32Array.from(embeddingOf(a))));
  });

  test("encodes both prompts in one run when neither is known", async () => {
    const { model, runs } = await load({ family: "sd" });
    await model.run(request({ guidance_scale: 5 }), context());
    expect(dimsOf(runs, "text_encoder", "input_ids")).toEqual([[2, TOKENS]]);
  });

  test("guidance weighs the two answers", async () => {
    const { model } = await load({ family: "sd" });
    const plain = await model.run(request({ num_inference_steps: 1 }), context());
    const guided = await model.run(request({ num_inference_steps: 1, guidance_scale: 3 }), context());
    const same = await model.run(
      request({ num_inference_steps: 1, guidance_scale: 3, negative_prompt: "a fox" }),
      context(),
    );
    expect(guided.images[0]?.url).not.toBe(plain.images[0]?.url);
    expect(same.images[0]?.url).toBe(plain.images[0]?.url);
  });

  test.each([
    { ids: "int32", timestep: { type: "int64", dims: ["steps"] }, expected: ["int64", [1]] },
    { floats: "float16", timestep: { type: "float16", dims: ["batch_size"] }, expected: ["float16", [2]] },
    { timestep: { type: "float32", dims: [] }, expected: ["float32", []] },
    { timestep: { type: "float64", dims: [1] }, expected: ["float64", [1]] },
  ] as const)("fits what it feeds to the files: %j", async ({ expected, ...tiny }) => {
    const { model, runs } = await load({ family: "sd", ...tiny });
    await model.run(request({ guidance_scale: 2 }), context());
    const [first] = runsOf(runs, "unet");
    const timestep = first?.feeds["timestep"];
    expect([timestep?.type, timestep?.dims]).toEqual(expected);
    expect(floatsOf(timestep as Tensor)[0]).toBe(999);
  });

  test("makes nearly the same picture with half precision", async () => {
    const whole = await load({ family: "sd" });
    const half = await load({ family: "sd", floats: "float16" });
    const [a, b] = await Promise.all(
      [whole, half].map(async ({ model }) => pictureOf((await model.run(request(), context())).images[0]?.url)),
    );
    expect(distance(a?.data ?? [], b?.data ?? [])).toBeLessThanOrEqual(1);
  });

  test("runs files for one row at a time once for each prompt, to the same picture", async () => {
    const one = await load({ family: "sd", rows: 1 });
    const many = await load({ family: "sd" });
    const wanted = request({ guidance_scale: 4, num_inference_steps: 3 });
    expect(await one.model.run(wanted, context())).toEqual(await many.model.run(wanted, context()));
    expect(runsOf(one.runs, "unet")).toHaveLength(6);
    expect(runsOf(many.runs, "unet")).toHaveLength(3);
  });

  test("takes another method than the model's own where the engine is told so", async () => {
    const own = await load({ family: "sd" });
    const other = await load(
      { family: "sd", scheduler: { skip_prk_steps: true } },
      { scheduler: { className: "PNDMScheduler" } },
    );
    await own.model.run(request({ num_inference_steps: 4 }), context());
    await other.model.run(request({ num_inference_steps: 4 }), context());
    expect([runsOf(own.runs, "unet").length, runsOf(other.runs, "unet").length]).toEqual([4, 5]);
  });

  test("draws the random numbers of the mode it is told", async () => {
    const urls = await Promise.all(
      (["cuda", "cpu"] as const).map(async (seedMode) => {
        const { model } = await load({ family: "sd" }, { seedMode });
        return (await model.run(request(), context())).images[0]?.url;
      }),
    );
    expect(urls[0]).not.toBe(urls[1]);
  });

  test("heeds what a published id promises", async () => {
    const { model, runs } = await load({ family: "sd" }, { id: "stabilityai/sd-turbo" });
    await model.run(request({ guidance_scale: 7.5 }), context());
    expect(dimsOf(runs, "unet", "sample")[0]).toEqual([1, 4, 8, 8]);
    const lightning = await load({ family: "sd" }, { id: "ByteDance/SDXL-Lightning-4step" });
    await lightning.model.run(request({ num_inference_steps: 30 }), context());
    expect(runsOf(lightning.runs, "unet")).toHaveLength(4);
  });
});

describe("text to image with two encoders", () => {
  test("joins the states before the last layer and tells the picture's size", async () => {
    const { model, runs } = await load({ family: "sdxl" });
    await model.run(request({ height: 128, num_inference_steps: 1, prompt: "a fox" }), context());
    const [run] = runsOf(runs, "unet");
    expect(run?.feeds["encoder_hidden_states"]?.dims).toEqual([1, TOKENS, 2 * WIDTH]);
    const states = floatsOf(run?.feeds["encoder_hidden_states"] as Tensor);
    const [a = 0] = tokenIds("a fox");
    const twice = embeddingOf(a).map((value) => Math.fround(Math.fround(value) * 2));
    expect(Array.from(states.subarray(2 * WIDTH, 4 * WIDTH))).toEqual([...twice, ...twice]);
    expect(Array.from(floatsOf(run?.feeds["time_ids"] as Tensor))).toEqual([128, 64, 0, 0, 128, 64]);
    expect(run?.feeds["text_embeds"]?.dims).toEqual([1, WIDTH]);
  });

  test("gives the second part of a prompt to the second encoder", async () => {
    const { model, runs } = await load({ family: "sdxl" });
    await model.run(request({ prompt: "fox | blue | green", num_inference_steps: 1 }), context());
    const [first, second] = ["text_encoder", "text_encoder_2"].map((component) =>
      Number(floatsOf(runsOf(runs, component)[0]?.feeds["input_ids"] as Tensor)[1]),
    );
    expect([first, second]).toEqual([tokenIds("fox")[0], tokenIds("blue")[0]]);
  });

  test("means zeros by an empty negative prompt, and encodes any other", async () => {
    const { model, runs } = await load({ family: "sdxl" });
    const negativeOf = async (negative_prompt: string) => {
      runs.length = 0;
      await model.run(request({ guidance_scale: 5, negative_prompt, num_inference_steps: 1 }), context());
      const [run] = runsOf(runs, "unet");
      const states = floatsOf(run?.feeds["encoder_hidden_states"] as Tensor);
      const pooled = floatsOf(run?.feeds["text_embeds"] as Tensor);
      return [states.subarray(0, states.length / 2), pooled.subarray(0, pooled.length / 2)].map((values) =>
        values.every((value) => value === 0),
      );
    };
    expect(await negativeOf("")).toEqual([true, true]);
    expect(await negativeOf(" | ")).toEqual([true, true]);
    expect(await negativeOf("blue")).toEqual([false, false]);
  });

  test("is refused when its encoders keep those states to themselves", async () => {
    await expect(load({ family: "sdxl", hiddenStates: false })).rejects.toThrow(/hidden_states/);
  });
});

describe("text to image with a consistency model", () => {
  test("tells the model its guidance instead of asking twice", async () => {
    const { model, runs } = await load({ family: "lcm" });
    await model.run(request({ guidance_scale: 8.5, num_inference_steps: 4 }), context());
    expect(dimsOf(runs, "unet", "sample")).toEqual(new Array(4).fill([1, 4, 8, 8]));
    const embedding = floatsOf(runsOf(runs, "unet")[0]?.feeds["timestep_cond"] as Tensor);
    expect(embedding[0]).toBeCloseTo(-0.851236, 5);
  });

  test("refuses more steps than it was trained for", async () => {
    const { model } = await load({ family: "lcm" });
    await expect(model.run(request({ num_inference_steps: 51 }), context())).rejects.toEqual(
      code("request.rejected-by-model"),
    );
  });
});

describe("a run", () => {
  test("ends with the signal's reason within one evaluation", async () => {
    const { model, runs } = await load({ family: "sd" });
    const controller = new AbortController();
    const reason = new RivuletError("request.cancelled", {});
    const steps: number[] = [];
    const run = model.run(
      request({ num_inference_steps: 50 }),
      context({
        signal: controller.signal,
        onProgress: (event) => {
          if (event.kind !== "step") return;
          steps.push(event.step);
          // As a message from outside would: between two evaluations.
          if (event.step === 3) setImmediate(() => controller.abort(reason));
        },
      }),
    );
    await expect(run).rejects.toBe(reason);
    expect(steps.length).toBeLessThanOrEqual(4);
    expect(runsOf(runs, "vae_decoder")).toHaveLength(0);
  });

  test("does no work for a signal that has already aborted", async () => {
    const { model, runs } = await load({ family: "sd" });
    const reason = new RivuletError("request.cancelled", {});
    await expect(model.run(request(), context({ signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
    expect(runs).toEqual([]);
  });

  test("tells each step of each picture, and each of several pictures as soon as it is finished", async () => {
    const { model } = await load({ family: "sd" });
    const events: Progress[] = [];
    const wanted = request({ num_images_per_prompt: 2 });
    const { images } = await model.run(wanted, context({ onProgress: (event) => events.push(event) }));
    expect(events).toEqual(
      images.flatMap((finished, image) => [
        { kind: "step", image, step: 1, of: 2 },
        { kind: "step", image, step: 2, of: 2 },
        { kind: "image", image, ...finished },
      ]),
    );
  });

  test.each([
    ["adapters", "loras", { loras: '{"some/adapter": 1}' }],
    ["adapters that are no JSON", "loras", { loras: "some/adapter" }],
    ["adapters that are a list", "loras", { loras: "[]" }],
    ["a prompt of nothing but marks", "prompt", { prompt: " | | " }],
  ] as const)("refuses %s", async (_, field, fields) => {
    const { model } = await load({ family: "sd" });
    const refusal = { code: "request.rejected-by-model", facts: { field } };
    await expect(model.run(request(fields), context())).rejects.toMatchObject(refusal);
  });

  test.each(["", " ", "{}", " { } "])("takes no adapters, written as %j", async (loras) => {
    const { model } = await load({ family: "sd" });
    expect((await model.run(request({ loras, num_inference_steps: 1 }), context())).images).toHaveLength(1);
  });

  test("makes any size, of whole latents and what is left of them, with files that take only even ones too", async () => {
    const careful = await load({ family: "sd" });
    const careless = await load({ family: "sd", evenSides: true });
    for (const size of [
      { width: 72, height: 88 },
      { width: 80, height: 64 },
      { width: 72, height: 64 },
      { width: 100, height: 65 },
    ]) {
      const whole = await careful.model.run(request(size), context());
      const picture = await pictureOf(whole.images[0]?.url);
      expect([picture.width, picture.height]).toEqual([size.width, size.height]);
      // Each point of these models' answers is of that point alone, so what was added at the edges changes nothing.
      expect(await careless.model.run(request(size), context())).toEqual(whole);
    }
  });

  test("blames no size for memory that ran out", async () => {
    const reason = "Failed to allocate memory for requested buffer of size 8589934592";
    const { model } = await load({ family: "sd" }, {}, failingAt("unet", reason));
    const failure = model.run(request({ width: 72 }), context());
    await expect(failure).rejects.toThrow(reason);
    await expect(failure).rejects.toSatisfy((error) => !isError(error));
  });

  test("refuses another size than the one the files are made for", async () => {
    const { model } = await load({ family: "sd", side: 8 });
    await expect(model.run(request({ width: 128 }), context())).rejects.toEqual(code("request.rejected-by-model"));
    expect((await model.run(request(), context())).images).toHaveLength(1);
  });

  test("fails when the numbers overflow, instead of answering a black picture", async () => {
    const { model } = await load({ family: "sd", gain: 1e38 });
    await expect(model.run(request({ num_inference_steps: 4 }), context())).rejects.toEqual(code("runner.failed"));
  });

  test("says what the safety checker finds, and leaves the picture as it is", async () => {
    const checked = await load({ family: "sd", safetyChecker: true });
    const unchecked = await load({ family: "sd" });
    const means: { readonly nsfw: boolean; readonly mean: number }[] = [];
    for (let seed = 0; seed < 8; seed++) {
      const [image] = (await checked.model.run(request({ seed }), context())).images;
      const [other] = (await unchecked.model.run(request({ seed }), context())).images;
      expect(other).toEqual({ ...image, nsfw: false });
      const [waived] = (await checked.model.run(request({ seed, safety_check: false }), context())).images;
      expect(waived?.nsfw).toBe(false);
      const { data } = await pictureOf(image?.url);
      means.push({
        nsfw: image?.nsfw ?? false,
        mean: data.reduce((sum, value) => sum + value, 0) / data.length,
      });
    }
    const [flagged, passed] = [true, false].map((nsfw) =>
      means.filter((picture) => picture.nsfw === nsfw).map(({ mean }) => mean),
    );
    expect(flagged?.length).toBeGreaterThan(0);
    expect(passed?.length).toBeGreaterThan(0);
    expect(Math.min(...(flagged ?? []))).toBeGreaterThan(Math.max(...(passed ?? [])) - 1);
  });
});

describe("a model", () => {
  test("tells how much of it is loaded, and closes all files when it is disposed of", async () => {
    const { model, counts, progress } = await load({ family: "sdxl" });
    expect(counts.open).toBe(4);
    const loading = progress.filter((event) => event.kind === "loading");
    expect(new Set(loading.map(({ stage }) => stage))).toEqual(
      new Set(["unet", "text_encoder", "text_encoder_2", "vae_decoder"]),
    );
    const last = loading.at(-1);
    expect(last?.loaded).toBe(last?.total);
    await model.dispose();
    expect(counts.open).toBe(0);
  });

  test("that cannot be loaded leaves no file open", async () => {
    const directory = join(root, "broken");
    await writeTinyModel(directory, { family: "sd" });
    await rm(join(directory, "vae_decoder"), { recursive: true });
    const counts = { open: 0 };
    const loading = textToImage(() => recordingBackend([], counts)).load({
      directory,
      model: "broken",
      threads: 1,
      log: silentLogger,
      onProgress: () => {},
    });
    await expect(loading).rejects.toThrow(/vae_decoder/);
    expect(counts.open).toBe(0);
  });

  test("without a safety checker is refused where one is required", async () => {
    await expect(load({ family: "sd" }, { safety: "required" })).rejects.toThrow(/safety_checker/);
  });
});

/** The ids of a text of words that are one token each. */
function tokenIds(text: string): readonly number[] {
  return text.split(" ").map((word) => {
    const id = vocab[`${word}</w>`];
    if (id === undefined) throw new RangeError(`${word} is not one token`);
    return id;
  });
}
