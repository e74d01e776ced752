import { parseRequest, pipelines } from "@rivulet/pipelines";
import { RivuletError } from "@rivulet/primitives";
import { type Target, text, utf8 } from "../target.ts";

/** The first line names the pipeline, the rest is the body. */
export const target: Target = {
  name: "pipeline-request",
  corpus: pipelines.map(({ name, example }) => utf8(`${name}\n${JSON.stringify(example)}`)),
  words: [
    ...pipelines.flatMap(({ request }) => Object.keys(request.shape)),
    "null",
    "true",
    '""',
    "[]",
    "{}",
    "__proto__",
  ],
  fuzz: (bytes) => {
    const [name = "", ...lines] = text(bytes).split("\n");
    const pipeline = pipelines.find((candidate) => candidate.name === name);
    if (pipeline === undefined) return "no pipeline";
    const request = parseRequest(pipeline, json(lines.join("\n")));
    return { request, streams: pipeline.streams?.(request) };
  },
};

function json(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new RivuletError("request.malformed", { reason: "not JSON" }, { cause });
  }
}
