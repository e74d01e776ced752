import { expect, test } from "vitest";
import { audioToText } from "./audio-to-text.ts";
import { parseRequest } from "./parse.ts";
import { resolveRequest } from "./resolve.ts";
import { textToImage } from "./text-to-image.ts";

const chance = { uniform: () => 0.999_999_999_9, bytes: (length: number) => new Uint8Array(length) };

test("a seed that is left out is drawn, and fits in 32 bits", () => {
  const { seed } = resolveRequest(textToImage, parseRequest(textToImage, { prompt: "x" }), {}, chance);
  expect(seed).toBe(2 ** 32 - 1);
});

test.each([0, 7])("a seed that is given stays: %i", (seed) => {
  expect(resolveRequest(textToImage, parseRequest(textToImage, { prompt: "x", seed }), {}, chance).seed).toBe(seed);
});

test("the whole seconds of audio are written beside it", () => {
  const audio = { kind: "audio", format: "wav", durationSeconds: 12.9 } as const;
  const request = resolveRequest(audioToText, parseRequest(audioToText, {}), { audio }, chance);
  expect(request.metadata).toBe('{"duration":"12"}');
});
