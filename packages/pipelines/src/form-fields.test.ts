import fc from "fast-check";
import { expect, test } from "vitest";
import { fieldsOf } from "./form-fields.ts";
import { imageToImage } from "./image-to-image.ts";
import { liveVideoToVideo } from "./live-video-to-video.ts";
import { parseFields, parseRequest } from "./parse.ts";
import { pipelines } from "./registry.ts";

test("numbers have six decimals, booleans are words, and what is not set is left out", () => {
  const request = parseRequest(imageToImage, { prompt: "x", strength: 0.5, safety_check: false });
  expect(fieldsOf(imageToImage, request)).toEqual([
    ["prompt", "x"],
    ["model_id", ""],
    ["loras", ""],
    ["strength", "0.500000"],
    ["guidance_scale", "7.500000"],
    ["image_guidance_scale", "1.500000"],
    ["negative_prompt", ""],
    ["safety_check", "false"],
    ["num_images_per_prompt", "1"],
    ["num_inference_steps", "100"],
  ]);
});

test("structures are JSON", () => {
  const request = parseRequest(liveVideoToVideo, { ...liveVideoToVideo.example, params: { prompt: "x" } });
  expect(new Map(fieldsOf(liveVideoToVideo, request)).get("params")).toBe('{"prompt":"x"}');
});

test("what is written is read back as it was", () => {
  for (const pipeline of pipelines.filter(({ media }) => Object.keys(media).length > 0)) {
    const request = parseRequest(pipeline, { prompt: "x", ...pipeline.example });
    expect(parseFields(pipeline, new Map(fieldsOf(pipeline, request)))).toEqual(request);
  }
});

test("any strength survives to six decimals", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (strength) => {
      const request = parseRequest(imageToImage, { prompt: "x", strength });
      const back = parseFields(imageToImage, new Map(fieldsOf(imageToImage, request)));
      expect(Math.abs(back.strength - strength)).toBeLessThanOrEqual(0.5e-6);
    }),
  );
});
