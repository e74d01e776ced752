import { z } from "zod";
import { networkCapability } from "./capability.ts";
import { loadingAnd } from "./deadlines.ts";
import { modelId } from "./fields.ts";
import { secondsPerUnit } from "./latency.ts";
import { MAX_PROMPT_LENGTH } from "./limits.ts";
import { definePipeline } from "./pipeline.ts";

export const imageToText = definePipeline({
  name: "image-to-text",
  kind: "batch",
  capability: networkCapability(34),
  operationId: "genImageToText",
  summary: "Describe a picture in words.",
  defaultModel: "Salesforce/blip-image-captioning-large",
  modelField: "model_id",
  media: { image: "image" },
  request: z.object({
    prompt: z.string().max(MAX_PROMPT_LENGTH).default("").describe("Words the description begins with."),
    model_id: modelId,
  }),
  response: z
    .object({ text: z.string().describe("The description.") })
    .meta({ id: "ImageToTextResponse", description: "What the picture shows." }),
  unit: "pixel",
  meter: (_request, { image }) => BigInt(image.width) * BigInt(image.height),
  drawn: [],
  latencyScore: (_request, work, took) => secondsPerUnit(took, work),
  deadline: () => loadingAnd(60),
  files: () => [],
  expect: () => ({ files: 0 }),
  example: { prompt: "a picture of" },
});
