/** `npm run bench -- NAME [arguments]`: one of the scenario benchmarks of `bench/`. */

import { readdirSync } from "node:fs";

const directory = new URL("../../bench/", import.meta.url);
const names = readdirSync(directory)
  .filter((name) => /^[a-z-]+\.bench\.ts$/.test(name))
  .map((name) => name.slice(0, -".bench.ts".length));

const [name, ...args] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  console.error(`usage: npm run bench -- ${names.join("|")} [--json]`);
  process.exitCode = 2;
} else {
  process.argv.splice(2, process.argv.length, ...args);
  await import(new URL(`${name}.bench.ts`, directory).href);
}
