import * as published from "@rivulet/media";
import { expect, test } from "vitest";

test("the package exports what it promises", () => {
  expect(Object.keys(published).sort()).toMatchInlineSnapshot(`
    [
      "MAX_AUDIO_SECONDS",
      "MAX_PIXELS",
      "decodeImage",
      "encodePng",
      "isDataUrl",
      "parseDataUrl",
      "probe",
      "probeAudio",
      "probeFiles",
      "probeImage",
      "sniffContentType",
      "toDataUrl",
      "verifyImage",
    ]
  `);
});
