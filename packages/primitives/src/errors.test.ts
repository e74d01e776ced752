import { describe, expect, test } from "vitest";
import { type ErrorCode, errorBody, errorKinds, httpOf, isError, RivuletError, retryOf } from "./errors.ts";

describe("an error", () => {
  test("is told apart by its code, and the code narrows the facts", () => {
    const error: unknown = new RivuletError("capacity.exhausted", { pipeline: "llm", model: "m" });
    expect(isError(error, "capacity.exhausted") && error.facts.model).toBe("m");
    expect(isError(error, "internal")).toBe(false);
    expect(retryOf(error)).toBe("other-peer");
    expect(httpOf(error)).toBe(503);
  });

  test("that is not ours counts as internal and keeps its text to itself", () => {
    const body = errorBody(new Error("password=hunter2"));
    expect(body.error.code).toBe("internal");
    expect(JSON.stringify(body)).not.toContain("hunter2");
  });

  test("of invalid fields lists them under detail, as clients of the published API expect", () => {
    const problem = { loc: ["body", "width"], msg: "must be a multiple of 8", type: "multiple_of" };
    const body = errorBody(new RivuletError("request.invalid", { problems: [problem] }));
    expect(body.detail).toEqual([problem]);
    expect(body.error.message).toContain("body.width");
  });

  test("has a sentence without a full stop and a status that says error, for every code", () => {
    for (const code of Object.keys(errorKinds) as ErrorCode[]) {
      expect(errorKinds[code].text).toMatch(/^[a-z].*[^.]$/);
      expect(errorKinds[code].http).toBeGreaterThanOrEqual(400);
    }
  });
});
