import { expect, test } from "vitest";
import { networkJson } from "./http-json.ts";

test("the network's JSON is safe in a page and ends its line", () => {
  expect(networkJson({ text: "<b> & é\u2028" })).toBe('{"text":"\\u003cb\\u003e \\u0026 é\\u2028"}\n');
});
