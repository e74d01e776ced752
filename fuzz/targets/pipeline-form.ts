import { deepStrictEqual } from "node:assert/strict";
import { fieldsOf, parseFields, pipelines } from "@rivulet/pipelines";
import { type Target, text, utf8 } from "../target.ts";

/** The first line names the pipeline; each further one is a field, `name=text`. */
export const target: Target = {
  name: "pipeline-form",
  corpus: pipelines.map((pipeline) => {
    const fields = Object.entries(pipeline.example).map(
      ([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
    );
    return utf8([pipeline.name, ...fields].join("\n"));
  }),
  words: [
    ...pipelines.flatMap(({ request }) => Object.keys(request.shape).map((name) => `\n${name}=`)),
    "true",
    "0.5",
    "-1",
    "[1,2]",
  ],
  fuzz: (bytes) => {
    const [name = "", ...lines] = text(bytes).split("\n");
    const pipeline = pipelines.find((candidate) => candidate.name === name);
    if (pipeline === undefined) return "no pipeline";
    const request = parseFields(
      pipeline,
      new Map(lines.map((line) => [line.split("=", 1)[0] ?? "", line.slice(line.indexOf("=") + 1)])),
    );
    // Written with six decimals a number may change; what was written once is then read and written for ever.
    const again = (fields: Fields) => fieldsOf(pipeline, parseFields(pipeline, new Map(fields)));
    const written = again(fieldsOf(pipeline, request));
    deepStrictEqual(again(written), written);
    return request;
  },
};

type Fields = ReturnType<typeof fieldsOf>;
