export { audioToText } from "./audio-to-text.ts";
export { type Capability, type NetworkCapability, networkCapability } from "./capability.ts";
export { type Delivery, deliveryWords, laterRequest, responseFormat } from "./delivery.ts";
export { type FieldKind, fieldKind } from "./field-kind.ts";
export { fieldsOf } from "./form-fields.ts";
export { imageToImage } from "./image-to-image.ts";
export { imageToText } from "./image-to-text.ts";
export { imageToVideo } from "./image-to-video.ts";
export { livePixels, liveVideoToVideo } from "./live-video-to-video.ts";
export { llm } from "./llm.ts";
export type { AudioProbe, ImageProbe, MediaFile, MediaKind, MediaProbe } from "./media.ts";
export { type Audience, answerHeaders, type OpenApiDocument, type OpenApiOptions, openApiDocument } from "./openapi.ts";
export { modelOf, parseFields, parseRequest } from "./parse.ts";
export {
  definePipeline,
  type Expectation,
  type FilmFrames,
  type MediaFields,
  type Pipeline,
  type Probes,
  type ResultFile,
  workOf,
} from "./pipeline.ts";
export {
  batchPipelines,
  findPipeline,
  isPipelineName,
  type PipelineName,
  type PipelineRequest,
  type PipelineResponse,
  type PipelineRunnerResponse,
  pipelineNames,
  pipelineOf,
  pipelines,
} from "./registry.ts";
export { resolveRequest } from "./resolve.ts";
export {
  hardwareInfo,
  hardwareStats,
  RUNNER_COMPATIBILITY_VERSION,
  runnerHealth,
  runnerVersion,
} from "./runner-info.ts";
export { segmentAnything2 } from "./segment-anything-2.ts";
export { textToImage } from "./text-to-image.ts";
export { textToSpeech } from "./text-to-speech.ts";
export { upscale } from "./upscale.ts";
