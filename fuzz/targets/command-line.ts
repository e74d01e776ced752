import { documentSchema, flaggedSettings, parseFlags, ROLES } from "@rivulet/node";
import { surroundingsWith } from "../surroundings.ts";
import { LONGEST_HANDWRITTEN, type Target, text, utf8 } from "../target.ts";

const surroundings = surroundingsWith("file", "text");
const known = flaggedSettings(documentSchema(surroundings), ROLES);

/** An argument a line. */
export const target: Target = {
  name: "command-line",
  longest: LONGEST_HANDWRITTEN,
  corpus: ["-orchAddr\nhttp://127.0.0.1:1", "--httpAddr=127.0.0.1:9935\n--nonsense", "-help"].map(utf8),
  words: known.slice(0, 40).map(({ flag }) => `\n-${flag}`),
  fuzz: (bytes) => parseFlags(text(bytes).split("\n"), known, surroundings),
};
