import fc from "fast-check";
import { expect, test } from "vitest";
import { isDataUrl, parseDataUrl, toDataUrl } from "./data-url.ts";

const limit = { maxBytes: 1000 };

test("bytes come back as they were", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const url = toDataUrl("image/png", bytes);
      const back = parseDataUrl(url, limit);
      expect(back.contentType).toBe("image/png");
      expect([...back.bytes]).toEqual([...bytes]);
    }),
  );
});

test("a part of a larger buffer is written alone", () => {
  expect(toDataUrl("a/b", Uint8Array.of(1, 2, 3, 4).subarray(1, 2))).toBe("data:a/b;base64,Ag==");
});

test("case, parameters and missing padding are fine", () => {
  expect(parseDataUrl("DATA:Image/PNG;name=x;BASE64,Ag", limit)).toMatchObject({ contentType: "image/png" });
  expect(parseDataUrl("data:;base64,", limit)).toMatchObject({ contentType: "text/plain" });
});

test.each([
  ["http://example.org/a.png"],
  ["data:image/png,abc"],
  ["data:image/png;base64"],
  ["data:image/png;base64,A"],
  ["data:image/png;base64,AB CD"],
  ["data:image/png;base64,AB=CD"],
  ["data:image/png;base64,ABCD%"],
  [""],
])("%j cannot be read", (url) => {
  expect(() => parseDataUrl(url, { ...limit, field: "images.0.url" })).toThrow(
    expect.objectContaining({
      code: "request.media-undecodable",
      facts: { field: "images.0.url", reason: expect.any(String) },
    }),
  );
});

test("more than allowed is refused before it is decoded", () => {
  const url = toDataUrl("image/png", new Uint8Array(101));
  expect(() => parseDataUrl(url, { maxBytes: 100 })).toThrow(
    expect.objectContaining({ code: "request.too-large", facts: { limitBytes: 100, field: "url" } }),
  );
});

test("only data URLs are data URLs", () => {
  expect(isDataUrl("data:,")).toBe(true);
  expect(isDataUrl("/stream/a/b.png")).toBe(false);
});
