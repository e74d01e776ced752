import { statSync } from "node:fs";
import { type Finding, projectFiles, read, report, root } from "./source-files.ts";

/**
 * The starter models stay small, as everybody who clones the repository fetches them, and the command has all of them:
 * each package with weights is a dependency of `apps/rivulet`, and each model has an id of its own.
 */
const MAX_BYTES = 80_000_000;
const WEIGHTS = /^models\/starter-[^/]+\/model\//;
const PACKAGE = /^models\/starter-[^/]+\/package\.json$/;
const APP = "apps/rivulet/package.json";

/** What a package says of a model, as far as it matters here. */
interface Entry {
  readonly id: string;
}

const findings: Finding[] = [];
const sizes = new Map<string, number>();
for (const path of projectFiles("").filter((path) => WEIGHTS.test(path))) {
  const name = path.split("/")[1] ?? "";
  sizes.set(name, (sizes.get(name) ?? 0) + statSync(root + path).size);
}
const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
const each = [...sizes].map(([name, size]) => `${name} ${megabytes(size)}`).join(", ");
if (total > MAX_BYTES)
  findings.push({
    path: "models",
    line: 1,
    rule: `the starter models have ${megabytes(total)} (${each}), the limit is ${megabytes(MAX_BYTES)}`,
  });

const { dependencies }: { readonly dependencies: Readonly<Record<string, string>> } = JSON.parse(read(APP));
const ids = new Map<string, string>();
for (const path of projectFiles("package.json").filter((path) => PACKAGE.test(path))) {
  const { name, rivulet }: { readonly name: string; readonly rivulet?: Entry | readonly Entry[] } = JSON.parse(
    read(path),
  );
  const isMade = sizes.has(path.split("/")[1] ?? "");
  if (isMade && dependencies[name] === undefined)
    findings.push({ path: APP, line: 1, rule: `${name} is not a dependency` });
  for (const { id } of [rivulet ?? []].flat()) {
    const other = ids.get(id);
    if (other !== undefined) findings.push({ path, line: 1, rule: `${id} is also the id of ${other}` });
    ids.set(id, path);
  }
}
console.error(`${megabytes(total)} of ${megabytes(MAX_BYTES)}: ${each}`);
report("starter models", findings);
