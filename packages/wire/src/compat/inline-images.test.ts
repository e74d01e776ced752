import { expect, test } from "vitest";
import { WORKER_PROTOCOL, wantsInlineImages } from "./inline-images.ts";

test("only gateways that say the protocol's version fetch their images", () => {
  expect(wantsInlineImages(WORKER_PROTOCOL)).toBe(false);
  expect(wantsInlineImages(undefined)).toBe(true);
  expect(wantsInlineImages("Livepeer-AI-Worker-2.0")).toBe(true);
});
