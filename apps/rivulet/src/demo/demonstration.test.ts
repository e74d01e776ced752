import { batchPipelines, findPipeline, parseRequest } from "@rivulet/pipelines";
import { expect, test } from "vitest";
import { type Demonstration, demonstrations, possible, withSources } from "./demonstration.ts";

const names = (list: readonly Demonstration[]) => list.map(({ pipeline }) => pipeline);

test("each batch pipeline is shown once, with valid fields and a file for every field that takes one", () => {
  expect(names(demonstrations).toSorted()).toEqual(batchPipelines.map(({ name }) => name).toSorted());
  for (const { pipeline, fields, next, files } of demonstrations) {
    const definition = findPipeline(pipeline);
    if (definition === undefined) throw new RangeError(pipeline);
    for (const each of [fields, next]) expect(() => parseRequest(definition, each)).not.toThrow();
    expect(Object.keys(files)).toEqual(Object.keys(definition.media));
  }
});

test("what works on a result is shown behind what makes it, and makes that kind of file", () => {
  for (const [index, { files }] of demonstrations.entries())
    for (const source of Object.values(files)) expect(names(demonstrations.slice(0, index))).toContain(source);
});

test("one pipeline is shown with everything it works on", () => {
  expect(names(withSources("image-to-text", demonstrations))).toEqual([
    "text-to-image",
    "image-to-image",
    "image-to-text",
  ]);
  expect(names(withSources("llm", demonstrations))).toEqual(["llm"]);
});

test("what has no model is not shown, and neither is what would work on its result", () => {
  const without = (...missing: readonly string[]) =>
    names(possible(demonstrations, (pipeline) => !missing.includes(pipeline)));
  expect(without()).toEqual(names(demonstrations));
  expect(without("text-to-image", "llm")).toEqual(["text-to-speech", "audio-to-text"]);
});
