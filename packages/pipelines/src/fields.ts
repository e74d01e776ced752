import { z } from "zod";
import {
  MAX_GUIDANCE,
  MAX_IMAGES,
  MAX_JSON_TEXT_LENGTH,
  MAX_LORAS_LENGTH,
  MAX_MODEL_ID_LENGTH,
  MAX_PROMPT_LENGTH,
  MAX_SEED,
  MAX_SIDE,
  MAX_STEPS,
  MIN_SIDE,
  SIDE_STEP,
} from "./limits.ts";

/** Fields that several pipelines share, with the same meaning and limits. */

export const modelId = z
  .string()
  .max(MAX_MODEL_ID_LENGTH)
  .default("")
  .describe("The model to use; the node's default when left out.");

export const prompt = z.string().min(1).max(MAX_PROMPT_LENGTH).describe("What to make, in words.");

export const negativePrompt = z
  .string()
  .max(MAX_PROMPT_LENGTH)
  .default("")
  .describe("What to keep out of the picture. Used only while guidance is active.");

export const loras = z
  .string()
  .max(MAX_LORAS_LENGTH)
  .default("")
  .describe('Adapters and their strengths: a JSON object as text, such as {"owner/name": 0.8}. At most four.');

export const guidanceScale = z
  .number()
  .min(-MAX_GUIDANCE)
  .max(MAX_GUIDANCE)
  .default(7.5)
  .describe("How strongly the prompt steers. Up to 1 it does not, and the model runs once a step instead of twice.");

export const safetyCheck = z
  .boolean()
  .default(true)
  .describe("Whether to look for content that is not safe for work and say so.");

export const seed = z
  .int()
  .min(0)
  .max(MAX_SEED)
  .optional()
  .describe("Where the randomness starts: the same request and seed give the same result. Drawn when left out.");

export const imagesPerPrompt = z
  .int()
  .min(1)
  .max(MAX_IMAGES)
  .default(1)
  .describe("How many pictures. The seed grows by one from picture to picture.");

export function inferenceSteps(steps: number) {
  return z.int().min(1).max(MAX_STEPS).default(steps).describe("Denoising steps: more is slower and often better.");
}

export function side(pixels: number, description: string) {
  return z.int().min(MIN_SIDE).max(MAX_SIDE).multipleOf(SIDE_STEP).default(pixels).describe(description);
}

/** Optional text that holds JSON: what it must say is checked where it is read. */
export function jsonText(description: string) {
  return z.string().max(MAX_JSON_TEXT_LENGTH).optional().describe(description);
}
