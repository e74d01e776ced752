import { expect, test } from "vitest";
import { networkJson } from "./http-json.ts";

test("the network's JSON is safe in a page and ends its line", () => {
  expect(networkJson({ text: "<b> & é\u2028" })).toBe('{"text":"\\u003cb\\u003e \\u0026 é\\u2028"}\n');
});

test("long texts are safe in a page as well", () => {
  const body = networkJson({ text: "<".repeat(100_000), plain: "0,".repeat(100_000) });
  expect(Buffer.from(body).toString()).toBe(
    `{"text":"${"\\u003c".repeat(100_000)}","plain":"${"0,".repeat(100_000)}"}\n`,
  );
});
