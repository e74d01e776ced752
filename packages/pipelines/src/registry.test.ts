import { describe, expect, test } from "vitest";
import { networkCapability } from "./capability.ts";
import type { MediaProbe } from "./media.ts";
import { parseRequest } from "./parse.ts";
import { type Pipeline, workOf } from "./pipeline.ts";
import { batchPipelines, findPipeline, isPipelineName, pipelineNames, pipelineOf, pipelines } from "./registry.ts";

test("names and capability numbers are unique", () => {
  expect(new Set(pipelineNames).size).toBe(pipelines.length);
  expect(new Set(pipelines.map(({ capability }) => JSON.stringify(capability))).size).toBe(pipelines.length);
});

test("only live video is not a batch pipeline", () => {
  expect(pipelines.filter((pipeline) => !batchPipelines.includes(pipeline)).map(({ name }) => name)).toEqual([
    "live-video-to-video",
  ]);
});

test("pipelines are found by name and by number, others are not", () => {
  expect(findPipeline("upscale")?.capability).toEqual(networkCapability(30));
  expect(pipelineOf(30)?.name).toBe("upscale");
  expect(findPipeline("Upscale")).toBeUndefined();
  expect(pipelineOf(26)).toBeUndefined();
  expect(isPipelineName("llm")).toBe(true);
  expect(isPipelineName("toString")).toBe(false);
});

describe.each(pipelines.map((pipeline) => [pipeline.name, pipeline] as const))("%s", (_name, pipeline) => {
  const media = samples(pipeline);
  const request = parseRequest(pipeline, pipeline.example);

  test("has an example that is work, and that ends before a timer overflows", () => {
    expect(workOf(pipeline, request, media).amount).toBeGreaterThan(0n);
    expect(pipeline.deadline(request, media)).toBeGreaterThan(0);
    expect(pipeline.deadline(request, media)).toBeLessThan(2 ** 31);
  });

  test("names its model in a field of its request", () => {
    expect(pipeline.request.shape).toHaveProperty(pipeline.modelField);
  });

  test("draws only fields that may be left out", () => {
    for (const field of pipeline.drawn) expect(pipeline.request.shape[field]?.safeParse(undefined).success).toBe(true);
  });

  test("keeps fields and files apart", () => {
    for (const field of Object.keys(pipeline.media)) expect(pipeline.request.shape).not.toHaveProperty(field);
  });
});

describe("an answer is checked against what was asked", () => {
  const image = { kind: "image", format: "png", width: 100, height: 60 } as const;

  test("pictures: how many, how large, which seeds", () => {
    expect(
      expectation("text-to-image", { prompt: "x", width: 64, height: 128, num_images_per_prompt: 3, seed: 5 }),
    ).toEqual({ files: 3, size: { width: 64, height: 128 }, seeds: [5, 6, 7] });
    expect(expectation("text-to-image", { prompt: "x" })).not.toHaveProperty("seeds");
  });

  test("a changed picture is as large as its source, in whole blocks", () => {
    expect(expectation("image-to-image", { prompt: "x" }, { image })).toEqual({
      files: 1,
      size: { width: 96, height: 56 },
    });
  });

  test("an enlarged picture is four times its source, and seed 0 may be another", () => {
    const size = { width: 400, height: 240 };
    expect(expectation("upscale", { prompt: "x", seed: 0 }, { image })).toEqual({ files: 1, size });
    expect(expectation("upscale", { prompt: "x", seed: 9 }, { image })).toEqual({ files: 1, size, seeds: [9] });
  });

  test("a source that models round in different ways leaves the size open", () => {
    const odd = { ...image, width: 101 };
    expect(expectation("upscale", { prompt: "x", seed: 9 }, { image: odd })).toEqual({ files: 1, seeds: [9] });
  });

  test("a source from which nobody can make a good answer is refused", () => {
    const refused = (loc: string) =>
      expect.objectContaining({
        code: "request.invalid",
        facts: { problems: [expect.objectContaining({ loc: ["body", loc] })] },
      });
    const tiny = { ...image, height: 7 };
    expect(() => expectation("image-to-image", { prompt: "x" }, { image: tiny })).toThrow(refused("image"));
    const huge = { ...image, width: 2049, height: 2048 };
    expect(() => expectation("upscale", { prompt: "x" }, { image: huge })).toThrow(refused("image"));
  });

  test("the files of an answer can be replaced in place", () => {
    const pipeline = get("text-to-image");
    const response = {
      images: [
        { url: "a", seed: 1, nsfw: false },
        { url: "b", seed: 2, nsfw: false },
      ],
    };
    for (const { owner, key } of pipeline.files(response)) owner[key] = `https://node/${owner[key]}`;
    expect(response.images.map(({ url }) => url)).toEqual(["https://node/a", "https://node/b"]);
  });

  test("only a request that says so is a stream", () => {
    const messages = [{ role: "user", content: "x" }];
    expect(get("llm").streams?.(parseRequest(get("llm"), { messages, stream: "true" }))).toBe(true);
    expect(get("llm").streams?.(parseRequest(get("llm"), { messages }))).toBe(false);
  });
});

function expectation(name: string, body: object, media: Readonly<Record<string, MediaProbe>> = {}) {
  return get(name).expect(parseRequest(get(name), body), media);
}

function get(name: string): Pipeline {
  const pipeline = findPipeline(name);
  if (pipeline === undefined) throw new Error(`no pipeline ${name}`);
  return pipeline;
}

function samples(pipeline: Pipeline): Readonly<Record<string, MediaProbe>> {
  const sample = {
    image: { kind: "image", format: "png", width: 64, height: 64 },
    audio: { kind: "audio", format: "wav", durationSeconds: 2 },
  } as const;
  return Object.fromEntries(Object.entries(pipeline.media).map(([field, kind]) => [field, sample[kind]]));
}
