/**
 * Writes docs/reference/cli.md from the schema of the configuration: `node packages/node/scripts/generate-cli-reference.ts`.
 * With `--check` it only says whether the page is current.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { documentSchema, flaggedSettings, machineSurroundings, ROLES, referenceRow } from "@rivulet/node";

const page = new URL("../../../docs/reference/cli.md", import.meta.url);
const schema = documentSchema(machineSurroundings("."));
const common = flaggedSettings(schema, []);
const table = (settings: readonly Parameters<typeof referenceRow>[0][]) => [
  "| flag | in a config file | in the environment | meaning | default |",
  "|---|---|---|---|---|",
  ...settings.map(referenceRow),
];

const text = [
  "<!-- Made by `node packages/node/scripts/generate-cli-reference.ts`. -->",
  "# Flags and settings",
  "",
  "Flags take one dash or two, a value beside or attached (`-flag value`, `-flag=value`); a switch may stand alone. The command",
  "line wins over the environment, the environment over the config file (`-config rivulet.yaml`, or a plain file of",
  "`flag value` lines), the file over what the network brings along. In the environment every key of a config file has a name",
  "of its own as well: `gateway.httpAddr` is `RIVULET__GATEWAY__HTTP_ADDR`. Durations, sizes, amounts and prices carry their",
  "unit: `250ms`, `4 GiB`, `0.3 gwei`, `0.08 USD`; a flag may give bare wei and, where seconds are usual, bare seconds.",
  "Secrets are references, `file:PATH` or `env:NAME`; only a flag may also be the secret itself.",
  "",
  "## Every node",
  "",
  ...table(common),
  ...ROLES.flatMap((role) => {
    const own = flaggedSettings(schema, [role]).filter(({ path }) => path.length > 1);
    return ["", `## rivulet ${role}`, "", ...table(own)];
  }),
  "",
  "## The chain, for every role with money",
  "",
  ...table(flaggedSettings(schema, ["chain"]).filter(({ path }) => path.length > 1)),
  "",
].join("\n");

if (process.argv.includes("--check")) {
  if (readFileSync(page, "utf8") !== text) {
    console.error("docs/reference/cli.md is not current: run node packages/node/scripts/generate-cli-reference.ts");
    process.exitCode = 1;
  }
} else {
  writeFileSync(page, text);
}
