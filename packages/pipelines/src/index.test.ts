import * as published from "@rivulet/pipelines";
import { expect, test } from "vitest";

test("the package exports what it promises", () => {
  expect(Object.keys(published).sort()).toMatchInlineSnapshot(`
    [
      "RUNNER_COMPATIBILITY_VERSION",
      "answerHeaders",
      "audioToText",
      "batchPipelines",
      "definePipeline",
      "deliveryWords",
      "fieldKind",
      "fieldsOf",
      "findPipeline",
      "hardwareInfo",
      "hardwareStats",
      "imageToImage",
      "imageToText",
      "imageToVideo",
      "isPipelineName",
      "laterRequest",
      "livePixels",
      "liveVideoToVideo",
      "llm",
      "modelOf",
      "networkCapability",
      "openApiDocument",
      "parseFields",
      "parseRequest",
      "pipelineNames",
      "pipelineOf",
      "pipelines",
      "resolveRequest",
      "responseFormat",
      "runnerHealth",
      "runnerVersion",
      "segmentAnything2",
      "textToImage",
      "textToSpeech",
      "upscale",
      "workOf",
    ]
  `);
});
