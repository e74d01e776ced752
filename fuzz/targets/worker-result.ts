import { encodeResult, parseMultipart, readResultHead, resultOf } from "@rivulet/wire";
import { latin1, type Target, utf8 } from "../target.ts";

/** A head of header lines, a blank line, the body: as it would come over a connection. */
const HEAD = ["authorization: Livepeer-AI-Worker-1.0", "credentials: s", "taskid: 0", "pipeline: text-to-image"];
const png = { bytes: utf8("\x89PNG"), contentType: "image/png" };
const result = encodeResult({ response: { images: [{ url: "a.png" }] }, files: new Map([["a.png", png]]) }, "b");
const post = (contentType: string, body: string) =>
  utf8([...HEAD, `content-type: ${contentType}`, "", body].join("\n"));

export const target: Target = {
  name: "worker-result",
  corpus: [
    post(result.contentType, Buffer.from(result.body).toString("latin1")),
    post("livepeer/ai-worker-error", "text-to-image container returned 400: no"),
    post("text/event-stream", 'data: {"choices":[{}]}\n\n'),
  ],
  words: [
    "--b",
    "--b--",
    "\r\n",
    "\r\n\r\n",
    "application/json",
    "content-type: ",
    "boundary=",
    "filename=",
    "taskid: ",
  ],
  fuzz: (bytes) => {
    const text = latin1(bytes);
    const end = text.indexOf("\n\n");
    const lines = (end < 0 ? text : text.slice(0, end)).split("\n").map((line) => line.split(": "));
    const headers = Object.fromEntries(lines.map(([name = "", ...rest]) => [name, rest.join(": ")]));
    const head = readResultHead(headers, "s");
    const body = bytes.subarray(end < 0 ? bytes.length : end + 2);
    return { head, result: head.kind === "result" ? resultOf(parseMultipart(body, head.boundary)) : undefined };
  },
};
