import { describe, expect, test } from "vitest";
import { parseMultipart } from "./multipart.ts";
import {
  decodeWorkerRequest,
  encodeResult,
  isSecret,
  readResultHead,
  resultHeaders,
  resultOf,
} from "./worker-stream.ts";

const code = (expected: string) => expect.objectContaining({ code: expected });
const head = (more: Record<string, string | undefined>) =>
  readResultHead(
    { ...resultHeaders("verbigsecret", 0n, "llm"), "content-type": "text/event-stream", ...more },
    "verbigsecret",
  );

describe("a posted result", () => {
  test("names its task, and what is in its body", () => {
    expect(head({})).toEqual({ taskId: 0n, pipeline: "llm", kind: "events" });
    expect(head({ "content-type": "livepeer/ai-worker-error" }).kind).toBe("error");
    expect(head({ "content-type": "multipart/mixed; boundary=b" })).toMatchObject({ kind: "result", boundary: "b" });
  });

  test("is refused in the network's order: marker, secret, content type, task", () => {
    const wrong = { authorization: "x", credentials: "y", "content-type": undefined, taskid: "z" };
    expect(() => head(wrong)).toThrow(code("auth.rejected"));
    const { authorization: _, ...marked } = wrong;
    expect(() => head(marked)).toThrow(code("worker.secret-rejected"));
    const { credentials: __, ...known } = marked;
    expect(() => head(known)).toThrow(code("request.media-unsupported"));
    expect(() => head({ taskid: "z" })).toThrow(code("request.malformed"));
    expect(() => head({ taskid: "-1" })).toThrow(code("request.malformed"));
    expect(() => head({ taskid: undefined })).toThrow(code("request.malformed"));
    expect(() => head({ "content-type": "image/png" })).toThrow(code("request.media-unsupported"));
  });

  test("is read in any order, and with a charset", () => {
    const files = new Map([["a.png", { bytes: Buffer.from("PNG"), contentType: "image/png" }]]);
    const parts = parseMultipart(encodeResult({ response: { text: "x" }, files }, "b").body, "b");
    const read = resultOf(
      parts.toReversed().map((part) => ({ ...part, contentType: `${part.contentType}; charset=utf-8` })),
    );
    expect(read.response).toEqual({ text: "x" });
    expect(read.files.get("a.png")?.contentType).toBe("image/png");
  });

  const json = { contentType: "application/json", bytes: Buffer.from("{}") };
  const file = { contentType: "image/png", filename: "a.png", bytes: Buffer.from("") };
  test.each([
    ["no result", [file]],
    ["two results", [json, json]],
    ["two files of one name", [json, file, file]],
    ["a part of another kind", [json, { bytes: Buffer.from("") }]],
    ["a result that is no object", [{ ...json, bytes: Buffer.from("[]") }]],
    ["a result that is no JSON", [{ ...json, bytes: Buffer.from("{") }]],
  ])("is refused with %s", (_name, parts) => {
    expect(() => resultOf(parts)).toThrow(code("request.malformed"));
  });
});

describe("a worker's request", () => {
  test("has no fields of null: a file's bytes are behind the address", () => {
    const bytes = Buffer.from('{"input_url":"https://o/x","request":{"image":null,"model_id":"m"}}');
    expect(decodeWorkerRequest(bytes)).toEqual({ inputUrl: "https://o/x", request: { model_id: "m" } });
  });

  test.each(["", "1", "[]", "{}", '{"request":[]}', '{"input_url":1,"request":{}}'])("is refused as %j", (text) => {
    expect(() => decodeWorkerRequest(Buffer.from(text))).toThrow(code("peer.protocol"));
  });
});

test("a secret is the same or not, whatever its length", () => {
  expect(isSecret("abc", "abc")).toBe(true);
  expect(isSecret("abd", "abc")).toBe(false);
  expect(isSecret("", "abc")).toBe(false);
});
