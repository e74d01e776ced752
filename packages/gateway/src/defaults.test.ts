import { type Pipeline, parseRequest, textToImage } from "@rivulet/pipelines";
import { describe, expect, test } from "vitest";
import { checkDefaults, withDefaults } from "./defaults.ts";

const pipeline = textToImage as unknown as Pipeline;
const table = {
  "text-to-image": {
    model: "small/model",
    fields: { guidance_scale: 3, width: 512 },
    models: { "small/model": { width: 256, height: 256, num_inference_steps: 8 } },
  },
};

const resolved = (body: Record<string, unknown>) => parseRequest(pipeline, withDefaults(table, pipeline, body));

describe("a request that leaves things out", () => {
  test("gets the gateway's model and that model's values", () => {
    expect(resolved({ prompt: "x" })).toMatchObject({
      model_id: "small/model",
      width: 256,
      height: 256,
      num_inference_steps: 8,
      guidance_scale: 3,
    });
  });

  test("gets the pipeline's values and published ones when it names another model", () => {
    expect(resolved({ prompt: "x", model_id: "other/model" })).toMatchObject({
      model_id: "other/model",
      width: 512,
      height: 576,
      num_inference_steps: 50,
    });
  });

  test("keeps what it says", () => {
    expect(resolved({ prompt: "x", width: 640, guidance_scale: 0 })).toMatchObject({ width: 640, guidance_scale: 0 });
  });

  test("gets the model for an empty one", () => {
    expect(resolved({ prompt: "x", model_id: "" })).toMatchObject({ model_id: "small/model", width: 256 });
  });

  test("is as published where the gateway says nothing", () => {
    expect(withDefaults({}, pipeline, { prompt: "x" })).toEqual({ prompt: "x", model_id: pipeline.defaultModel });
  });
});

test("names that are inherited from objects are nobody's defaults", () => {
  expect(withDefaults(table, pipeline, { model_id: "__proto__" })).toEqual({
    model_id: "__proto__",
    guidance_scale: 3,
    width: 512,
  });
});

describe("a table with mistakes", () => {
  const pathsOf = (wrong: Parameters<typeof checkDefaults>[0]) => {
    try {
      checkDefaults(wrong);
      return [];
    } catch (error) {
      return (error as { facts: { problems: { path: string }[] } }).facts.problems.map(({ path }) => path);
    }
  };

  test("is refused with the path of each", () => {
    expect(pathsOf(table)).toEqual([]);
    expect(
      pathsOf({
        painting: {},
        "text-to-image": { fields: { width: 7, colour: "red" }, models: { m: { height: "tall" } } },
      }),
    ).toEqual([
      "gateway.defaults.painting",
      "gateway.defaults.text-to-image.fields.width",
      "gateway.defaults.text-to-image.fields.colour",
      "gateway.defaults.text-to-image.models.m.height",
    ]);
  });
});
