import { describe, expect, test } from "vitest";
import { Origins } from "./origins.ts";

describe("who may use a gateway from a page", () => {
  test.each([
    [["local"], "http://localhost:3000", true],
    [["local"], "http://app.localhost:3000", true],
    [["local"], "https://127.0.0.1", true],
    [["local"], "http://[::1]:8080", true],
    [["local"], "https://evil.example", false],
    [["local"], "https://localhost.evil.example", false],
    [["local"], "http://127.0.0.1.evil.example", false],
    [["local"], "null", false],
    [["local"], "file://", false],
    [["https://app.example"], "https://app.example", true],
    [["https://app.example/"], "https://app.example", true],
    [["https://App.example:443"], "https://app.example", true],
    [["https://bücher.example"], "https://xn--bcher-kva.example", true],
    [["https://app.example"], "http://app.example", false],
    [["https://app.example"], "https://app.example:8443", false],
    [["https://app.example"], "http://localhost:3000", false],
    [["https://app.example", "local"], "http://localhost:3000", true],
    [["*"], "https://anybody.example", true],
    [["*"], "null", true],
    [[], "http://localhost:3000", false],
  ])("with %j, %s: %s", (allowed, origin, isAllowed) => {
    const origins = new Origins(allowed);
    expect(origins.allows(origin)).toBe(isAllowed);
    expect(origins.headersFor({ origin })["access-control-allow-origin"]).toBe(isAllowed ? origin : undefined);
    expect(origins.permission({ origin }, ["POST"])["access-control-allow-methods"]).toBe(
      isAllowed ? "POST" : undefined,
    );
  });

  test.each([
    "app.example",
    "https://app.example/path",
    "https://app.example/?x",
    "https://user@app.example",
    "file:///x",
    "locale",
    "",
  ])("%j is no origin", (text) => {
    expect(() => new Origins(["local", text])).toThrow(
      expect.objectContaining({
        code: "config.invalid",
        facts: { problems: [{ path: "gateway.allowedOrigins.1", message: expect.stringContaining("is no origin") }] },
      }),
    );
  });
});
