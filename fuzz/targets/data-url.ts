import { deepStrictEqual } from "node:assert/strict";
import { isDataUrl, parseDataUrl, toDataUrl } from "@rivulet/media";
import { latin1, type Target, utf8 } from "../target.ts";

export const target: Target = {
  name: "data-url",
  corpus: ["data:image/png;base64,iVBORw0KGgo=", "DATA:;base64,AAAA", "data:text/plain,hello"].map(utf8),
  words: ["data:", ";base64,", "=", "image/png", ","],
  fuzz: (bytes) => {
    const url = latin1(bytes);
    if (!isDataUrl(url)) return "no data URL";
    const read = parseDataUrl(url, { maxBytes: 100_000 });
    deepStrictEqual(
      Buffer.from(parseDataUrl(toDataUrl("a/b", read.bytes), { maxBytes: 100_000 }).bytes),
      Buffer.from(read.bytes),
    );
    return read;
  },
};
