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
} from "./fields.ts";
import { imageFiles, imageResponse, seedsFrom } from "./image-response.ts";
import { secondsPerPixelStep } from "./latency.ts";
import { MAX_GUIDANCE, MAX_REDRAWN_PIXELS, SIDE_STEP } from "./limits.ts";
import { definePipeline } from "./pipeline.ts";
import { refusedFile } from "./refused-file.ts";

export const imageToImage = definePipeline({
  name: "image-to-image",
  kind: "batch",
  capability: networkCapability(28),
  operationId: "genImageToImage",
  summary: "Change a picture as a description says.",
  defaultModel: "stabilityai/sdxl-turbo",
  modelField: "model_id",
  media: { image: "image" },
  request: z.object({
    prompt,
    model_id: modelId,
    loras,
    strength: z
      .number()
      .min(0)
      .max(1)
      .default(0.8)
      .describe("How far to go from the picture: the share of the denoising steps that is run."),
    guidance_scale: guidanceScale,
    image_guidance_scale: z
      .number()
      .min(-MAX_GUIDANCE)
      .max(MAX_GUIDANCE)
      .default(1.5)
      .describe("How strongly the picture steers. Only models that edit by instruction look at it."),
    negative_prompt: negativePrompt,
    safety_check: safetyCheck,
    seed,
    num_images_per_prompt: imagesPerPrompt,
    num_inference_steps: inferenceSteps(100),
  }),
  response: imageResponse,
  unit: "pixel",
  meter: ({ num_images_per_prompt }, { image }) =>
    BigInt(image.width) * BigInt(image.height) * BigInt(num_images_per_prompt),
  drawn: ["seed"],
  latencyScore: (request, work, took) => secondsPerPixelStep(took, work, request),
  deadline: ({ num_images_per_prompt }) => loadingAnd(60 * num_images_per_prompt),
  files: (response) => imageFiles(response, "image/png"),
  expect: ({ seed, num_images_per_prompt: count }, { image }) => {
    const size = { width: wholeBlocks(image.width), height: wholeBlocks(image.height) };
    if (size.width === 0 || size.height === 0)
      throw refusedFile("image", `must be at least ${SIDE_STEP} pixels wide and high`);
    if (image.width * image.height > MAX_REDRAWN_PIXELS)
      throw refusedFile("image", `must have at most ${MAX_REDRAWN_PIXELS} pixels`);
    return { files: count, size, ...seedsFrom(seed, count) };
  },
  example: { prompt: "the same in green", num_inference_steps: 2, seed: 1 },
});

function wholeBlocks(side: number): number {
  return side - (side % SIDE_STEP);
}
