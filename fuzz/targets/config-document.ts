import { loadConfiguration } from "@rivulet/node";
import { surroundingsWith } from "../surroundings.ts";
import { LONGEST_HANDWRITTEN, type Target, text, utf8 } from "../target.ts";

export const target: Target = {
  name: "config-document",
  longest: LONGEST_HANDWRITTEN,
  corpus: [
    utf8("roles: [gateway]\ngateway:\n  httpAddr: 127.0.0.1:9935\n  orchAddr: [http://127.0.0.1:1]\n"),
    utf8('{"roles":["runner"],"runner":{"models":[{"pipeline":"text-to-image","model":"a/b","warm":true}]}}'),
    utf8("roles:\n- orchestrator\norchestrator:\n  orchSecret: env:X\n  aiModels: llm:m:true\n"),
  ],
  words: [
    ..."roles|gateway|orchestrator|worker|runner|models|aiModels|defaults|250ms|4GiB|env:X|file:x|null".split("|"),
    ...[": ", "\n  ", "\n- ", "&a ", "*a", "<<: ", "!!js/x ", "|\n", "? ", "__proto__"],
  ],
  fuzz: (bytes) => {
    const file = "rivulet.yaml";
    const input = { roles: [], flags: [], flagProblems: [], file };
    return loadConfiguration(input, surroundingsWith(file, text(bytes))).settings;
  },
};
