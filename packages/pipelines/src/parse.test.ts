import { isError } from "@rivulet/primitives";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { llm } from "./llm.ts";
import { modelOf, parseFields, parseRequest } from "./parse.ts";
import { pipelines } from "./registry.ts";
import { textToImage } from "./text-to-image.ts";
import { upscale } from "./upscale.ts";

describe("parseRequest", () => {
  test("fills in what is left out and ignores what is not known", () => {
    expect(parseRequest(textToImage, { prompt: "a boat", scheduler: "euler" })).toEqual({
      prompt: "a boat",
      model_id: "",
      height: 576,
      width: 1024,
      num_images_per_prompt: 1,
      guidance_scale: 7.5,
      negative_prompt: "",
      safety_check: true,
      num_inference_steps: 50,
      loras: "",
    });
  });

  test("names every field that is wrong", () => {
    expect(problems({ width: 100, safety_check: "perhaps" })).toEqual([
      { loc: ["body", "prompt"], msg: expect.any(String), type: "missing" },
      { loc: ["body", "width"], msg: expect.any(String), type: "multiple_of" },
      { loc: ["body", "safety_check"], msg: expect.any(String), type: "bool_parsing" },
    ]);
  });

  test.each([
    ["seed", { seed: 1e300 }, "must be at most 9007199254740981"],
    ["seed", { seed: -1e300 }, "must be at least 0"],
    ["prompt", { prompt: "" }, "must not be empty"],
  ])("says once what is wrong with %s, by its own bound: %j", (field, fields, msg) => {
    expect(problems({ prompt: "p", ...fields })).toEqual([{ loc: ["body", field], msg, type: expect.any(String) }]);
  });

  test("says no more than a hundred problems", () => {
    const messages = Array.from({ length: 200 }, () => ({ role: 7, content: "x" }));
    expect(problems({ messages }, llm)).toHaveLength(100);
  });

  test.each([[null], [[]], ["text"], [5], [true]])("a body must be an object: %j", (body) => {
    expect(problems(body)).toEqual([{ loc: ["body"], msg: expect.any(String), type: "dict_type" }]);
  });

  test("nothing at all is a missing body", () => {
    expect(problems(undefined)).toEqual([{ loc: ["body"], msg: expect.any(String), type: "missing" }]);
  });

  test("an inherited property is no field", () => {
    expect(problems(Object.create({ prompt: "inherited" }))).toEqual([
      { loc: ["body", "prompt"], msg: expect.any(String), type: "missing" },
    ]);
  });

  test("whatever arrives, the answer is a request or its problems", () => {
    for (const pipeline of pipelines) {
      const anything = fc.dictionary(fc.constantFrom(...Object.keys(pipeline.request.shape)), fc.jsonValue());
      fc.assert(fc.property(fc.oneof(anything, fc.jsonValue()), (body) => isParsedOrRefused(pipeline, body)));
    }
  });

  test("a parsed request parses to itself", () => {
    for (const pipeline of pipelines) {
      const request = parseRequest(pipeline, pipeline.example);
      expect(parseRequest(pipeline, request)).toEqual(request);
    }
  });
});

describe("parseFields", () => {
  test("reads text, and takes an empty text for none", () => {
    const fields = new Map([
      ["prompt", "a boat"],
      ["seed", ""],
      ["num_inference_steps", " 7 "],
      ["safety_check", "off"],
    ]);
    expect(parseFields(upscale, fields)).toEqual({
      prompt: "a boat",
      model_id: "",
      safety_check: false,
      num_inference_steps: 7,
    });
  });

  test("an empty text does not stand for a required field", () => {
    expect(() => parseFields(upscale, new Map([["prompt", ""]]))).toThrow(
      expect.objectContaining({
        code: "request.invalid",
        facts: { problems: [{ loc: ["body", "prompt"], msg: expect.any(String), type: "missing" }] },
      }),
    );
  });
});

test("a request without a model means the pipeline's", () => {
  expect(modelOf(upscale, parseRequest(upscale, { prompt: "x" }))).toBe(upscale.defaultModel);
  expect(modelOf(upscale, parseRequest(upscale, { prompt: "x", model_id: "a/b" }))).toBe("a/b");
});

function problems(body: unknown, pipeline: Parameters<typeof parseRequest>[0] = textToImage) {
  try {
    parseRequest(pipeline, body);
  } catch (error) {
    if (isError(error, "request.invalid")) return error.facts.problems;
    throw error;
  }
  return [];
}

function isParsedOrRefused(pipeline: Parameters<typeof parseRequest>[0], body: unknown): boolean {
  try {
    parseRequest(pipeline, body);
    return true;
  } catch (error) {
    return isError(error, "request.invalid") && error.facts.problems.length > 0;
  }
}
