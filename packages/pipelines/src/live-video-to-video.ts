import type { Milliseconds } from "@rivulet/primitives";
import { z } from "zod";
import { networkCapability } from "./capability.ts";
import { loadingAnd } from "./deadlines.ts";
import { modelId } from "./fields.ts";
import { MAX_URL_LENGTH } from "./limits.ts";
import { definePipeline } from "./pipeline.ts";

/** Every stream is billed as 1280 × 720 at 30 frames a second, whatever it is. Source: wire-protocol 4.5. */
const PIXELS_PER_SECOND = 1280n * 720n * 30n;

const url = z.string().max(MAX_URL_LENGTH);
const optionalUrl = url.default("");
const correlation = z.string().max(MAX_URL_LENGTH).default("");

export const liveVideoToVideo = definePipeline({
  name: "live-video-to-video",
  kind: "live",
  capability: networkCapability(35),
  operationId: "genLiveVideoToVideo",
  summary: "Change a video while it plays.",
  defaultModel: "noop",
  modelField: "model_id",
  media: {},
  request: z
    .object({
      subscribe_url: url.min(1).describe("The channel to read video from."),
      publish_url: url.min(1).describe("The channel to write video to."),
      control_url: optionalUrl.describe("The channel that brings changed parameters."),
      events_url: optionalUrl.describe("The channel to report to."),
      model_id: modelId,
      params: z.record(z.string(), z.unknown()).default({}).describe("What the pipeline starts with."),
      gateway_request_id: correlation.describe("Names the request in logs."),
      manifest_id: correlation.describe("Names the manifest in logs."),
      stream_id: correlation.describe("Names the stream in logs."),
    })
    .meta({ id: "LiveVideoToVideoParams" }),
  response: z
    .object({
      subscribe_url: z.string(),
      publish_url: z.string(),
      control_url: z.string(),
      events_url: z.string(),
      request_id: z.string(),
      manifest_id: z.string(),
    })
    .meta({ id: "LiveVideoToVideoResponse", description: "Where the stream is. A runner leaves it all empty." }),
  unit: "pixel",
  meter: () => PIXELS_PER_SECOND,
  drawn: [],
  // Live sessions are ranked by how fast discovery answered.
  latencyScore: () => 0,
  deadline: () => loadingAnd(0),
  files: () => [],
  expect: () => ({ files: 0 }),
  example: { subscribe_url: "http://localhost/in", publish_url: "http://localhost/out" },
});

/** The work of a stream that has run for `elapsed`, in pixels, rounded down. */
export function livePixels(elapsed: Milliseconds): bigint {
  return (PIXELS_PER_SECOND * BigInt(Math.floor(elapsed))) / 1000n;
}
