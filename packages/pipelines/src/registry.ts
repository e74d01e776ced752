import type { z } from "zod";
import { audioToText } from "./audio-to-text.ts";
import { imageToImage } from "./image-to-image.ts";
import { imageToText } from "./image-to-text.ts";
import { imageToVideo } from "./image-to-video.ts";
import { liveVideoToVideo } from "./live-video-to-video.ts";
import { llm } from "./llm.ts";
import type { Pipeline } from "./pipeline.ts";
import { segmentAnything2 } from "./segment-anything-2.ts";
import { textToImage } from "./text-to-image.ts";
import { textToSpeech } from "./text-to-speech.ts";
import { upscale } from "./upscale.ts";

/** Every pipeline, in the order documents list them. */
const listed = [
  textToImage,
  imageToImage,
  imageToVideo,
  upscale,
  audioToText,
  segmentAnything2,
  llm,
  imageToText,
  textToSpeech,
  liveVideoToVideo,
] as const;

type Listed = (typeof listed)[number];
type Named<N extends PipelineName> = Extract<Listed, { readonly name: N }>;

export type PipelineName = Listed["name"];
/** A parsed request: every field with a default is there. */
export type PipelineRequest<N extends PipelineName> = z.output<Named<N>["request"]>;
export type PipelineResponse<N extends PipelineName> = z.output<Named<N>["response"]>;
/** What a runner answers: the response, except that image-to-video answers frames. */
export type PipelineRunnerResponse<N extends PipelineName> = z.output<NonNullable<Named<N>["runnerResponse"]>>;

export const pipelines: readonly Pipeline[] = listed;
/** Pipelines with one answer to one request. */
export const batchPipelines: readonly Pipeline[] = pipelines.filter(({ kind }) => kind === "batch");
export const pipelineNames: readonly PipelineName[] = listed.map(({ name }) => name);

const byName: ReadonlyMap<string, Pipeline> = new Map(pipelines.map((pipeline) => [pipeline.name, pipeline]));
const byCapability: ReadonlyMap<number, Pipeline> = new Map(
  pipelines.flatMap((pipeline) =>
    pipeline.capability.kind === "network" ? [[pipeline.capability.id, pipeline] as const] : [],
  ),
);

export function findPipeline(name: string): Pipeline | undefined {
  return byName.get(name);
}

/** The pipeline of a capability number, when the number is an AI pipeline's. */
export function pipelineOf(capabilityId: number): Pipeline | undefined {
  return byCapability.get(capabilityId);
}

export function isPipelineName(name: string): name is PipelineName {
  return byName.has(name);
}
