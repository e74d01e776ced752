import * as published from "@rivulet/pipelines";
import { expect, test } from "vitest";

test("the package exports what it promises", () => {
  expect(Object.keys(published).sort()).toMatchInlineSnapshot(`
    [
      "audioToText",
      "batchPipelines",
      "definePipeline",
      "fieldKind",
      "fieldsOf",
      "findPipeline",
      "hardwareInfo",
      "hardwareStats",
      "imageToImage",
      "imageToText",
      "imageToVideo",
      "isPipelineName",
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
