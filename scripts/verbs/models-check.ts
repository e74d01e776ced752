/** `npm run models:check [-- NAME]`: the judge's table and contact sheet of each starter model. */

import { readdirSync } from "node:fs";

const models = new URL("../../models/", import.meta.url);
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
const names = readdirSync(models, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name.startsWith("starter-"))
  .map((entry) => entry.name)
  .filter((name) => wanted.length === 0 || wanted.includes(name));

for (const name of names) await import(new URL(`${name}/check.ts`, models).href);
