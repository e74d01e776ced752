import { legacyPhraseOf, readLegacyPhrase } from "@rivulet/wire";
import vectors from "../../vectors/wire/v28-error-classification.json" with { type: "json" };
import { type Target, text, utf8 } from "../target.ts";

export const target: Target = {
  name: "error-phrase",
  corpus: vectors.cases.map(({ input }) => utf8(input)),
  words: ["returned 400", "ticketparams expired", "\n", ": "],
  fuzz: (bytes) => {
    const { error, isPeersFault } = readLegacyPhrase(text(bytes), { pipeline: "llm", model: "m" });
    return { code: error.code, isPeersFault, said: legacyPhraseOf(error) };
  },
};
