import { z } from "zod";
import { networkCapability } from "./capability.ts";
import { loadingAnd } from "./deadlines.ts";
import { inferenceSteps, modelId, safetyCheck, seed, side } from "./fields.ts";
import { imageFiles, imageResponse, media, seedsFrom } from "./image-response.ts";
import { secondsPerPixelStep } from "./latency.ts";
import { MAX_FPS, MAX_MOTION_BUCKET, MAX_NOISE_AUGMENTATION } from "./limits.ts";
import { definePipeline } from "./pipeline.ts";

/** Every video is billed as this many frames, whatever the model makes. Source: wire-protocol 4.5. */
const BILLED_FRAMES = 25n;

const videoResponse = z
  .object({ frames: z.array(z.array(media)).describe("Videos, each the list of its frames in order.") })
  .meta({ id: "VideoResponse", description: "The frames that were made." });

export const imageToVideo = definePipeline({
  name: "image-to-video",
  kind: "batch",
  capability: networkCapability(29),
  operationId: "genImageToVideo",
  summary: "Make a short video that begins with a picture.",
  defaultModel: "stabilityai/stable-video-diffusion-img2vid-xt",
  modelField: "model_id",
  media: { image: "image" },
  request: z.object({
    model_id: modelId,
    height: side(576, "Height of the video in pixels."),
    width: side(1024, "Width of the video in pixels."),
    fps: z.int().min(1).max(MAX_FPS).default(6).describe("Frames a second."),
    motion_bucket_id: z.int().min(0).max(MAX_MOTION_BUCKET).default(127).describe("How much moves: more is more."),
    noise_aug_strength: z
      .number()
      .min(0)
      .max(MAX_NOISE_AUGMENTATION)
      .default(0.02)
      .describe("Noise added to the picture: more lets the video leave it further."),
    seed,
    safety_check: safetyCheck,
    num_inference_steps: inferenceSteps(25),
  }),
  response: imageResponse,
  runnerResponse: videoResponse,
  filming: {
    films: ({ fps }, { frames }) =>
      frames.map((film) => ({ frames: film.map(({ url }) => url), framesPerSecond: fps })),
    response: ({ frames }, urls) => ({
      images: frames.map((film, index) => ({
        url: urls[index] ?? "",
        seed: film[0]?.seed ?? 0,
        nsfw: film.some(({ nsfw }) => nsfw),
      })),
    }),
  },
  unit: "pixel",
  meter: ({ width, height }) => BigInt(width) * BigInt(height) * BILLED_FRAMES,
  drawn: ["seed"],
  latencyScore: (request, work, took) => secondsPerPixelStep(took, work, request),
  deadline: () => loadingAnd(300),
  answersLater: true,
  files: (response) => imageFiles(response, "video/mp4"),
  expect: ({ seed }) => ({ files: 1, ...seedsFrom(seed, 1) }),
  example: { width: 256, height: 256, num_inference_steps: 2, seed: 1 },
});
