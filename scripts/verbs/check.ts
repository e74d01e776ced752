import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { generators } from "../generators.ts";
import { root } from "../source-files.ts";

/** Everything that can be said about the code without running it. Each step is also a command of its own. */
const steps: readonly { readonly name: string; readonly command: readonly string[] }[] = [
  { name: "types", command: ["tsc", "-p", "tsconfig.json"] },
  { name: "lint and format", command: ["biome", "check", "--error-on-warnings", "."] },
  { name: "layers", command: ["node", "scripts/check-layers.ts"] },
  { name: "habits", command: ["node", "scripts/check-habits.ts"] },
  { name: "links", command: ["node", "scripts/check-links.ts"] },
  { name: "starter models", command: ["node", "scripts/check-starters.ts"] },
  { name: "dead code", command: ["knip", "--no-progress"] },
  { name: "generated codec", command: ["node", "packages/wire/scripts/generate.ts", "--check"] },
  ...generators.map(({ name, script }) => ({ name, command: ["node", script, "--check"] })),
];

let failed = 0;
for (const { name, command } of steps) {
  const [program = "", ...args] = command;
  const binary = program === "node" ? process.execPath : `${root}node_modules/.bin/${program}`;
  const started = performance.now();
  const script = args[0];
  const isMissing = program === "node" && script !== undefined && !existsSync(root + script);
  const result = isMissing
    ? { status: 1, stdout: "", stderr: `${script} is missing` }
    : spawnSync(binary, args, { cwd: root, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  const took = ((performance.now() - started) / 1000).toFixed(1);
  console.error(`${result.status === 0 ? "ok    " : "FAILED"}  ${name} (${took} s)`);
  if (result.status !== 0) {
    failed += 1;
    console.error(`${result.stdout}${result.stderr}`);
  }
}
console.log(`${steps.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
