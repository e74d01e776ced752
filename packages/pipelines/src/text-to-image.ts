import { z } from "zod";
import { networkCapability } from "./capability.ts";
import { loadingAnd } from "./deadlines.ts";
import {
  guidanceScale,
  imagesPerPrompt,
  inferenceSteps,
  loras,
  modelId,
  negativePrompt,
  prompt,
  safetyCheck,
  seed,
  side,
} from "./fields.ts";
import { imageFiles, imageResponse, seedsFrom } from "./image-response.ts";
import { secondsPerPixelStep } from "./latency.ts";
import { definePipeline } from "./pipeline.ts";

export const textToImage = definePipeline({
  name: "text-to-image",
  kind: "batch",
  capability: networkCapability(27),
  operationId: "genTextToImage",
  summary: "Make pictures from a description.",
  defaultModel: "stabilityai/sdxl-turbo",
  modelField: "model_id",
  media: {},
  request: z
    .object({
      prompt,
      model_id: modelId,
      height: side(576, "Height of each picture in pixels."),
      width: side(1024, "Width of each picture in pixels."),
      num_images_per_prompt: imagesPerPrompt,
      guidance_scale: guidanceScale,
      negative_prompt: negativePrompt,
      safety_check: safetyCheck,
      seed,
      num_inference_steps: inferenceSteps(50),
      loras,
    })
    .meta({ id: "TextToImageParams" }),
  response: imageResponse,
  unit: "pixel",
  meter: ({ width, height, num_images_per_prompt }) => BigInt(width) * BigInt(height) * BigInt(num_images_per_prompt),
  drawn: ["seed"],
  latencyScore: (request, work, took) => secondsPerPixelStep(took, work, request),
  deadline: ({ num_images_per_prompt }) => loadingAnd(60 * num_images_per_prompt),
  files: (response) => imageFiles(response, "image/png"),
  expect: ({ width, height, seed, num_images_per_prompt: count }) => ({
    files: count,
    size: { width, height },
    ...seedsFrom(seed, count),
  }),
  example: {
    prompt: "a large red circle on a blue background",
    width: 256,
    height: 256,
    num_inference_steps: 2,
    seed: 1,
  },
});
