import { findBoundary, parseContentType } from "@rivulet/wire";
import { latin1, type Target, utf8 } from "../target.ts";

export const target: Target = {
  name: "content-type",
  corpus: [
    "application/json; charset=utf-8",
    'multipart/form-data; boundary="a\\"b"',
    "multipart/mixed;boundary=b ; a=",
    ";;",
  ].map(utf8),
  words: [";", "=", '"', "\\", " ", "boundary=", "multipart/mixed"],
  fuzz: (bytes) => {
    const text = latin1(bytes);
    return [parseContentType(text), findBoundary(text, "mixed"), findBoundary(text, "form-data")];
  },
};
