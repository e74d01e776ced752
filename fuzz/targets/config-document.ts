import { loadConfiguration } from "@rivulet/node";
import { type Target, text, utf8 } from "../target.ts";

export const target: Target = {
  name: "config-document",
  corpus: [
    utf8("roles: [gateway]\ngateway:\n  httpAddr: 127.0.0.1:9935\n"),
    utf8(
      '{"roles":["orchestrator","runner"],"runner":{"models":[{"pipeline":"text-to-image","model":"a/b","warm":true}]}}',
    ),
    utf8("gateway\norchAddr http://127.0.0.1:8935\n"),
  ],
  words: [
    "roles",
    "gateway",
    "orchestrator",
    "worker",
    "runner",
    "models",
    "250ms",
    "4GiB",
    "env:X",
    "file:x",
    ": ",
    "\n  ",
    "- ",
    "&a ",
    "*a",
    "<<: ",
    "!!js/x ",
  ],
  fuzz: (bytes) => {
    const surroundings = {
      env: {},
      readText: (path: string) => {
        if (path === "config") return text(bytes);
        throw new Error("there is no such file");
      },
      resolvePath: (path: string) => path,
    };
    return loadConfiguration({ roles: [], flags: [], flagProblems: [], file: "config" }, surroundings).settings;
  },
};
