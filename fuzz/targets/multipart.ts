import { deepStrictEqual } from "node:assert/strict";
import { encodeFormData, type Form, formOf, parseMultipart } from "@rivulet/wire";
import { type Target, utf8 } from "../target.ts";

const form = encodeFormData(
  [["image", { bytes: utf8("\x89PNG\r\n--"), filename: "a.png" }]],
  [
    ["prompt", "a cat"],
    ["strength", "0.800000"],
  ],
  "b",
);

export const target: Target = {
  name: "multipart",
  corpus: [
    form.body,
    utf8("--b--"),
    utf8("preamble\r\n--b  \r\n\r\nx\r\n--b--epilogue"),
    utf8("--b\r\nA: b\r\n\r\n--b--"),
  ],
  words: [
    "--b",
    "\r\n--b",
    "--b--",
    "\r\n",
    "\r\n\r\n",
    "Content-Disposition: form-data; name=",
    'filename="',
    '"',
    "\\",
  ],
  fuzz: (bytes) => {
    const parts = parseMultipart(bytes, "b");
    const { fields, files } = formOf(parts);
    const written = encodeFormData(files, fields, "another boundary").body;
    const again = formOf(parseMultipart(written, "another boundary"));
    deepStrictEqual(contents(again.files), contents(files));
    deepStrictEqual([...again.fields.values()], [...fields.values()]);
    return parts;
  },
};

function contents(files: Form["files"]): readonly string[] {
  return [...files.values()].map(({ bytes }) => Buffer.from(bytes).toString("hex"));
}
