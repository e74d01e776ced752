import { findCapabilityNumber, isVersionAtLeast } from "@rivulet/wire";
import { latin1, type Target, utf8 } from "../target.ts";

export const target: Target = {
  name: "version",
  corpus: ["0.4.1 0.4.1-b3278dce-dirty", "v1 1.0.0+x", "undefined 0.1", "1.2.3", "text-to-image llm"].map(utf8),
  words: [".", "-", "+", "v", "undefined", " "],
  fuzz: (bytes) => {
    const [have = "", least = ""] = latin1(bytes).split(" ");
    return [isVersionAtLeast(have, least), isVersionAtLeast(least, have), findCapabilityNumber(have)];
  },
};
