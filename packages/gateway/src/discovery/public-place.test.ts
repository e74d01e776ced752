import { serviceUri } from "@rivulet/primitives";
import { expect, test } from "vitest";
import { isPublicPlace } from "./public-place.ts";

test.each(["orch.example.org", "8.8.8.8", "172.32.0.1", "[2606:4700::1]", "[::ffff:8.8.8.8]", "localhost.example.org"])(
  "%s is public",
  (host) => {
    expect(isPublicPlace(serviceUri(`https://${host}:8935`))).toBe(true);
  },
);

test.each([
  "127.0.0.1",
  "0x7f.1",
  "2130706433",
  "0.0.0.0",
  "10.1.2.3",
  "172.16.0.1",
  "192.168.1.1",
  "100.64.0.1",
  "169.254.169.254",
  "[::1]",
  "[::]",
  "[::ffff:127.0.0.1]",
  "[64:ff9b::7f00:1]",
  "[2002:7f00:1::]",
  "[fd00::1]",
  "[fe80::1]",
  "localhost",
  "localhost.",
  "a.localhost",
  "printer",
  "nas.local",
  "metadata.google.internal",
])("%s is not public", (host) => {
  expect(isPublicPlace(serviceUri(`https://${host}:8935`))).toBe(false);
});
