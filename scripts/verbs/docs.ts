/** `npm run docs`: writes every page that is derived from the code. `npm run check` compares them. */

import { spawnSync } from "node:child_process";
import { generators } from "../generators.ts";
import { root } from "../source-files.ts";

for (const { script } of generators) {
  const { status } = spawnSync(process.execPath, [script], { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
