import { createHash } from "node:crypto";
import { isError } from "@rivulet/primitives";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseKeys } from "./key-file.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

test("a key is written as itself or as its hash, which is the same", () => {
  const key = "kTq0vX2nS8wLr4Yd";
  const [plain, hashed] = parseKeys(`# keys\n\nshop ${key}   # the shop\n  farm\tsha256:${sha256(key)}\r\n`, "keys");
  expect([plain?.name, hashed?.name]).toEqual(["shop", "farm"]);
  expect(plain?.hash).toEqual(hashed?.hash);
});

describe("a file with a mistake", () => {
  test.each([
    ["", "has no keys"],
    ["shop", "line 1 is not a name and a key"],
    ["shop kTq0vX2nS8wLr4Yd more", "line 1 is not a name and a key"],
    ["# ok\nshop short", "the key in line 2 is shorter than 16 characters"],
    ["shop sha256:abc", "line 1 has no whole SHA-256"],
    [Array.from({ length: 1001 }, (_, i) => `n${i} kTq0vX2nS8wLr4Yd`).join("\n"), "has more than 1000 keys"],
  ])("names the line and never the key", (text, message) => {
    try {
      parseKeys(text, "keys");
      expect.unreachable();
    } catch (error) {
      expect(isError(error, "config.invalid") && error.facts.problems).toEqual([{ path: "keys", message }]);
    }
  });
});

test("any text is keys or a mistake", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        return parseKeys(text, "keys").length > 0;
      } catch (error) {
        return isError(error, "config.invalid");
      }
    }),
  );
});
