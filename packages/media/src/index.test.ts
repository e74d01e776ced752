import * as published from "@rivulet/media";
import { expect, test } from "vitest";

test("the package exports what it promises", () => {
  expect(Object.keys(published).sort()).toMatchInlineSnapshot(`
    [
      "DECODED_AUDIO_RATE",
      "MAX_AUDIO_SECONDS",
      "MAX_PIXELS",
      "decodeAudio",
      "decodeImage",
      "encodeMp4",
      "encodePng",
      "encodeWav",
      "isDataUrl",
      "parseDataUrl",
      "probe",
      "probeAudio",
      "probeFiles",
      "probeImage",
      "resampleAudio",
      "sniffContentType",
      "toDataUrl",
      "verifyImage",
    ]
  `);
});
