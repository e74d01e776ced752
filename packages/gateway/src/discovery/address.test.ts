import fc from "fast-check";
import { expect, test } from "vitest";
import { addressOf } from "./address.ts";

test.each([
  ["orch.example.org", "https://orch.example.org:8935"],
  ["orch.example.org:9000", "https://orch.example.org:9000"],
  ["http://127.0.0.1:8936/", "http://127.0.0.1:8936"],
  ["https://orch.example.org/base", "https://orch.example.org:8935/base"],
  ["[::1]:8935", "https://[::1]:8935"],
  [" https://orch.example.org:8935 ", "https://orch.example.org:8935"],
])("%j is %s", (text, uri) => {
  expect(addressOf(text)).toBe(uri);
});

test.each(["", "ftp://orch.example.org", "https://user@host:1", "https://host:99999", "a b", "http://"])(
  "%j is no address",
  (text) => {
    expect(addressOf(text)).toBeUndefined();
  },
);

test("any text is an address or not, without an error", () => {
  fc.assert(fc.property(fc.string(), (text) => ["string", "undefined"].includes(typeof addressOf(text))));
});
