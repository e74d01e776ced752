import { parseKeys } from "@rivulet/gateway";
import { type Target, text, utf8 } from "../target.ts";

export const target: Target = {
  name: "key-file",
  corpus: [
    utf8(
      "# applications\nshop sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae\nx kTq0vX2nS8wLr4Yd\n",
    ),
  ],
  words: ["sha256:", "#", "\n", "\r\n", "\t"],
  fuzz: (bytes) => parseKeys(text(bytes), "keys"),
};
