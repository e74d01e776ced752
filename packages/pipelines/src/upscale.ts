import { z } from "zod";
import { networkCapability } from "./capability.ts";
import { loadingAnd } from "./deadlines.ts";
import { inferenceSteps, modelId, prompt, safetyCheck, seed } from "./fields.ts";
import { imageFiles, imageResponse, seedsFrom } from "./image-response.ts";
import { secondsPerPixelStep } from "./latency.ts";
import { MAX_UPSCALED_PIXELS } from "./limits.ts";
import { definePipeline } from "./pipeline.ts";
import { refusedFile } from "./refused-file.ts";

/** How often the result is as wide and as high as the picture. Source: runner-and-models 1.6 and 7.10. */
const FACTOR = 4;

export const upscale = definePipeline({
  name: "upscale",
  kind: "batch",
  capability: networkCapability(30),
  operationId: "genUpscale",
  summary: "Make a picture four times as wide and high, with new detail.",
  defaultModel: "stabilityai/stable-diffusion-x4-upscaler",
  modelField: "model_id",
  media: { image: "image" },
  request: z.object({
    prompt,
    model_id: modelId,
    safety_check: safetyCheck,
    seed,
    num_inference_steps: inferenceSteps(75),
  }),
  response: imageResponse,
  unit: "pixel",
  meter: (_request, { image }) => BigInt(image.width) * BigInt(image.height),
  drawn: ["seed"],
  latencyScore: (request, work, took) => secondsPerPixelStep(took, work, request),
  deadline: () => loadingAnd(120),
  files: (response) => imageFiles(response, "image/png"),
  expect: ({ seed }, { image: { width, height } }) => {
    if (width * height > MAX_UPSCALED_PIXELS)
      throw refusedFile("image", `must have at most ${MAX_UPSCALED_PIXELS} pixels`);
    // Other sides are rounded down by some models before they grow, and by others not.
    const isWhole = width % FACTOR === 0 && height % FACTOR === 0;
    return {
      files: 1,
      ...(isWhole && { size: { width: width * FACTOR, height: height * FACTOR } }),
      // Runners of the older implementation take seed 0 for none and draw one: no fault of theirs on this network.
      ...seedsFrom(seed === 0 ? undefined : seed, 1),
    };
  },
  example: { prompt: "a red circle", num_inference_steps: 2, seed: 1 },
});
