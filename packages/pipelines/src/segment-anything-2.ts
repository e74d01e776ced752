import { z } from "zod";
import { networkCapability } from "./capability.ts";
import { loadingAnd } from "./deadlines.ts";
import { jsonText, modelId } from "./fields.ts";
import { secondsPerUnit } from "./latency.ts";
import { definePipeline } from "./pipeline.ts";

export const segmentAnything2 = definePipeline({
  name: "segment-anything-2",
  kind: "batch",
  capability: networkCapability(32),
  operationId: "genSegmentAnything2",
  summary: "Find the outlines of things in a picture.",
  defaultModel: "facebook/sam2-hiera-large",
  modelField: "model_id",
  media: { image: "image" },
  request: z.object({
    model_id: modelId,
    point_coords: jsonText("Points that are on or off the thing: JSON, a list of [x, y]."),
    point_labels: jsonText("For each point 1 (on it) or 0 (off it): JSON, a list."),
    box: jsonText("A box around the thing: JSON, [x0, y0, x1, y1]."),
    mask_input: jsonText("The logits of an earlier answer to start from: JSON, 1 × 256 × 256."),
    multimask_output: z.boolean().default(true).describe("Three masks to choose from instead of one."),
    return_logits: z.boolean().default(true).describe("Masks as logits instead of 0 and 1."),
    normalize_coords: z
      .boolean()
      .default(true)
      .describe("Whether coordinates are pixels; otherwise they are already between 0 and 1."),
  }),
  response: z
    .object({
      masks: z.string().describe("JSON: masks × height × width, best first."),
      scores: z.string().describe("JSON: one score a mask."),
      logits: z.string().describe("JSON: masks × 256 × 256, for mask_input."),
    })
    .meta({ id: "MasksResponse", description: "The masks, as JSON texts." }),
  unit: "pixel",
  meter: (_request, { image }) => BigInt(image.width) * BigInt(image.height),
  drawn: [],
  latencyScore: (_request, work, took) => secondsPerUnit(took, work),
  deadline: () => loadingAnd(60),
  files: () => [],
  expect: () => ({ files: 0 }),
  example: { point_coords: "[[32,32]]", point_labels: "[1]" },
});
