import { loadConfiguration } from "@rivulet/node";
import { surroundingsWith } from "../surroundings.ts";
import { LONGEST_HANDWRITTEN, type Target, text, utf8 } from "../target.ts";

export const target: Target = {
  name: "flag-file",
  longest: LONGEST_HANDWRITTEN,
  corpus: [utf8("httpAddr 127.0.0.1:9935\norchAddr http://127.0.0.1:8935\n# comment\n"), utf8("httpAddr=:1\n\n")],
  words: ["\n", " ", "=", "#", "orchAddr", "httpAddr", "true", '"'],
  fuzz: (bytes) => {
    const file = "rivulet.conf";
    const input = { roles: ["gateway" as const], flags: [], flagProblems: [], file };
    return loadConfiguration(input, surroundingsWith(file, text(bytes))).settings;
  },
};
