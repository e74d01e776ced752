import type {
  findPipeline,
  imageToVideo,
  PipelineRequest,
  PipelineResponse,
  PipelineRunnerResponse,
  Probes,
  textToImage,
} from "@rivulet/pipelines";
import { describe, expectTypeOf, test } from "vitest";

interface Media {
  url: string;
  seed: number;
  nsfw: boolean;
}

describe("types follow from the definitions", () => {
  test("a parsed request has every field that has a default", () => {
    expectTypeOf<PipelineRequest<"upscale">>().toEqualTypeOf<{
      prompt: string;
      model_id: string;
      safety_check: boolean;
      num_inference_steps: number;
      seed?: number | undefined;
    }>();
  });

  test("a runner answers frames where everybody else answers a video", () => {
    expectTypeOf<PipelineRunnerResponse<"image-to-video">>().toEqualTypeOf<{ frames: Media[][] }>();
    expectTypeOf<PipelineResponse<"image-to-video">>().toEqualTypeOf<{ images: Media[] }>();
    expectTypeOf<PipelineRunnerResponse<"text-to-image">>().toEqualTypeOf<PipelineResponse<"text-to-image">>();
  });

  test("a meter knows what its files were probed for, and the unit it measures in", () => {
    expectTypeOf<Parameters<typeof imageToVideo.meter>[1]>().toEqualTypeOf<Probes<{ readonly image: "image" }>>();
    expectTypeOf<(typeof textToImage)["unit"]>().toEqualTypeOf<"pixel">();
  });

  test("any of them is a pipeline whose requests are unknown", () => {
    expectTypeOf<NonNullable<ReturnType<typeof findPipeline>>["request"]["_output"]>().toEqualTypeOf<
      Record<string, unknown>
    >();
  });
});
