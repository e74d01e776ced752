import { expect, test } from "vitest";
import { baseUrlOf, preferredDelivery } from "./delivery.ts";

const local = () => ({ host: "::1", port: 9935 });

test.each([
  [{ host: "gw.test:9935" }, "http://gw.test:9935"],
  [{ host: "[::1]:9935" }, "http://[::1]:9935"],
  [{ host: "gw.test", "x-forwarded-host": "ai.test, inner.test", "x-forwarded-proto": "https" }, "https://ai.test"],
  [{ host: "gw.test", "x-forwarded-proto": "javascript" }, "http://gw.test"],
  [{ host: 'evil.test/"><script>' }, "http://[::1]:9935"],
  [{ host: "user@evil.test" }, "http://[::1]:9935"],
  [{}, "http://[::1]:9935"],
])("addresses begin with what the caller used, as long as it is a host: %j", (headers, base) => {
  expect(baseUrlOf(headers, undefined, local)).toBe(base);
});

test.each([
  ["media=data", "data"],
  ["respond-async, media=url", "url"],
  ['wait=5; media="data"', "data"],
  ["media=b64_json", "data"],
  ["multimedia=data", undefined],
  ["media=gif", undefined],
])("Prefer: %s asks for %s", (prefer, delivery) => {
  expect(preferredDelivery({ prefer })).toBe(delivery);
});
