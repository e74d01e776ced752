import { type ErrorCode, errorBody, errorKinds, isError, RivuletError } from "@rivulet/primitives";
import { describe, expect, test } from "vitest";
import { readErrorBody } from "./error-body.ts";

const written = (error: unknown) => JSON.stringify(errorBody(error));
const told = (code: string, facts: unknown) => readErrorBody(JSON.stringify({ error: { code, facts } }));

describe("an error in a body of ours", () => {
  const problems = [{ loc: ["body", "messages", 0, "content"], msg: "is required", type: "missing" }];
  const model = { pipeline: "llm", model: "m" };
  test.each([
    new RivuletError("request.rejected-by-model", { field: "loras", reason: "adapters are not loaded here" }),
    new RivuletError("request.rejected-by-model", {}),
    new RivuletError("request.invalid", { problems }),
    new RivuletError("request.media-undecodable", { field: "audio", reason: "no header" }),
    new RivuletError("request.media-unsupported", { field: "image", reason: "a TIFF" }),
    new RivuletError("request.too-large", { limitBytes: 50_000_000, field: "image" }),
    new RivuletError("request.too-large", { limitBytes: 50_000_000 }),
    new RivuletError("model.unknown", { ...model, offered: ["a", "b"] }),
    new RivuletError("model.not-offered", { ...model, offered: [] }),
    new RivuletError("model.load-failed", { ...model, reason: "no config.json" }),
    new RivuletError("capacity.exhausted", model),
    new RivuletError("job.deadline-exceeded", { limitMs: 60_000 }),
    new RivuletError("peer.unreachable", { reason: "ECONNREFUSED" }),
    new RivuletError("payment.ticket-invalid", { reason: "invalid ticket signature" }),
    new RivuletError("runner.out-of-memory", {}),
  ])("is read as it was: %s", (error) => {
    const read = readErrorBody(written(error));
    expect([read?.code, read?.facts, read?.message]).toEqual([error.code, error.facts, error.message]);
  });

  test("is one line that is safe to show", () => {
    const read = told("peer.unreachable", { reason: " \u001b[31mred\u0007\r\nand more\u0085 " });
    expect(read?.facts).toEqual({ reason: "[31mred and more" });
  });

  test("is what it says for every code, or nothing", () => {
    for (const code of Object.keys(errorKinds) as ErrorCode[]) {
      const read = told(code, { reason: "x" });
      expect([read?.code ?? code, isError(read) || read === undefined]).toEqual([code, true]);
    }
  });

  test.each([
    ["request.invalid", {}],
    ["request.invalid", { problems: [{ loc: "body", msg: "x", type: "y" }] }],
    ["request.invalid", { problems: [{ loc: [{}], msg: "x", type: "y" }] }],
    ["request.invalid", { problems: [{ loc: [1.5], msg: "x", type: "y" }] }],
    ["request.media-undecodable", { field: 7, reason: "x" }],
    ["request.too-large", { limitBytes: "1e400" }],
    ["request.too-large", { limitBytes: -1 }],
    ["request.rejected-by-model", { field: ["loras"], reason: "x" }],
    ["request.rejected-by-model", { reason: { toString: "x" } }],
    ["model.unknown", { pipeline: "p", model: "m", offered: [7] }],
    ["runner.failed", { reason: 7 }],
    ["__proto__", {}],
    ["no.such-code", {}],
    [7, {}],
  ])("with other facts than those of %s is none", (code, facts) => {
    expect(told(code as string, facts)).toBeUndefined();
  });

  test.each([
    new RivuletError("chain.refused", { rpcCode: 1, reason: "https://key@endpoint" }),
    new RivuletError("store.full", { reason: "/var/lib" }),
    new RivuletError("config.invalid", { problems: [] }),
    new RivuletError("network.no-orchestrators", { retryAfterMs: 1 }),
  ])("that is only its node's business is none: %s", (error) => {
    expect(readErrorBody(written(error))).toBeUndefined();
  });

  test.each([
    "",
    "{",
    "null",
    "[]",
    "7",
    '{"error":null}',
    '{"error":"x"}',
    '{"detail":{"msg":"x"}}',
    "insufficient capacity\n",
  ])("is not in %j", (text) => {
    expect(readErrorBody(text)).toBeUndefined();
  });

  test("that says too much is cut", () => {
    const problem = { loc: ["a".repeat(2000)], msg: "b".repeat(2000), type: "c" };
    const read = told("request.invalid", { problems: Array.from({ length: 1000 }, () => problem) });
    expect(isError(read, "request.invalid") && read.facts.problems.length).toBe(100);
    expect(
      JSON.stringify(told("request.rejected-by-model", { field: "f", reason: "x".repeat(1e6) })?.facts).length,
    ).toBeLessThan(1100);
    expect(JSON.stringify(told("runner.failed", { reason: "x", secret: "y" })?.facts)).toBe('{"reason":"x"}');
  });
});
