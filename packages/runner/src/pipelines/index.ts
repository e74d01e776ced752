import type { PipelineName } from "@rivulet/pipelines";
import type { BackendFactory } from "../backend.ts";
import { onnxBackend } from "../backends/onnx/onnx-backend.ts";
import type { Implementation } from "../implementation.ts";
import { audioToText } from "./audio-to-text.ts";
import { imageToImage } from "./image-to-image.ts";
import { imageToText } from "./image-to-text.ts";
import { imageToVideo } from "./image-to-video.ts";
import { llm } from "./llm.ts";
import { segmentAnything2 } from "./segment-anything-2.ts";
import { textToImage } from "./text-to-image.ts";
import { textToSpeech } from "./text-to-speech.ts";
import { upscale } from "./upscale.ts";

/**
 * How each pipeline is executed, as far as it is: the names that are left out have no implementation yet and are listed
 * below, so that a new pipeline shows up here as an error of the compiler.
 */
export type Implementations = { readonly [N in Exclude<PipelineName, NotImplemented>]: Implementation<N> };

type NotImplemented = "live-video-to-video";

/** Every implementation, with its files opened by `backend`. */
export function implementationsOn(backend: BackendFactory): Implementations {
  return {
    "text-to-image": textToImage(backend),
    "image-to-image": imageToImage(backend),
    "image-to-video": imageToVideo(backend),
    upscale: upscale(backend),
    "image-to-text": imageToText(backend),
    "segment-anything-2": segmentAnything2(backend),
    "audio-to-text": audioToText(backend),
    "text-to-speech": textToSpeech(backend),
    llm: llm(backend),
  };
}

/** Every implementation: what a model host loads from. */
export const implementations: Implementations = implementationsOn(onnxBackend);
