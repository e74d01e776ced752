import { builtinModules } from "node:module";
import layers from "./layers.json" with { type: "json" };
import { type Finding, isTest, isTool, projectFiles, read, report } from "./source-files.ts";

/**
 * Holds the import directions of ARCHITECTURE.md: imports go down, by package name, and only where `layers.json` lists
 * them. Tests may use the test kit as well.
 */
interface Layer {
  readonly mayImport: readonly string[];
  readonly nodeBuiltIns: boolean;
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\b[^"';]*?\bfrom\s*["']([^"']+)["']|(?:^|[^.\w])import\s*\(?\s*["']([^"']+)["']/g;
const packages: Readonly<Record<string, Layer>> = layers.packages;
const apps: Readonly<Record<string, Layer>> = layers.apps;
const onlyFiles: Readonly<Record<string, string>> = layers.onlyFiles;
const builtIns = new Set(builtinModules);
const findings: Finding[] = [];
let imports = 0;

for (const path of projectFiles(".ts")) {
  const home = /^(packages|apps)\/([^/]+)\//.exec(path);
  if (home === null || isTool(path)) continue;
  const [, group, name = ""] = home;
  const layer = (group === "packages" ? packages : apps)[name];
  const text = read(path);
  const fail = (at: number, rule: string) => findings.push({ path, line: text.slice(0, at).split("\n").length, rule });
  if (layer === undefined) {
    fail(0, `${group}/${name} is not in scripts/layers.json`);
    continue;
  }
  const declared: Partial<Record<"dependencies" | "optionalDependencies", Record<string, string>>> = JSON.parse(
    read(`${group}/${name}/package.json`),
  );
  for (const match of text.matchAll(IMPORT)) {
    const target = match[1] ?? match[2] ?? "";
    const at = match.index + match[0].indexOf(target);
    imports += 1;
    if (target.startsWith(".")) {
      const resolved = new URL(target, `file:///${path}`).pathname.slice(1);
      if (!resolved.startsWith(`${group}/${name}/`) && !isTest(path)) fail(at, `a path out of the package: ${target}`);
      continue;
    }
    const external = target.startsWith("@") ? target.split("/").slice(0, 2).join("/") : (target.split("/")[0] ?? "");
    const ours = /^@rivulet\/([^/]+)(\/.*)?$/.exec(target);
    if (layers.onlyInTests.includes(ours?.[1] ?? external)) {
      if (!isTest(path) && name !== "testkit") fail(at, `${target} is for tests only`);
      continue;
    }
    if (isTest(path)) continue;
    if (ours !== null) {
      const [, to = "", deep] = ours;
      if (deep !== undefined && packages[to] !== undefined) fail(at, `import ${to} by its name, not a path into it`);
      if (!layer.mayImport.includes(to)) fail(at, `${name} may not import ${to}`);
    } else if (target.startsWith("node:") || builtIns.has(target)) {
      if (!layer.nodeBuiltIns) fail(at, `${name} also runs in a browser: no ${target}`);
    } else {
      if ((declared.dependencies?.[external] ?? declared.optionalDependencies?.[external]) === undefined)
        fail(at, `${external} is not a dependency of ${name}`);
      const home = onlyFiles[external];
      if (home !== undefined && !path.startsWith(home)) fail(at, `only ${home} may import ${external}`);
    }
  }
}
if (imports === 0) findings.push({ path: "scripts/check-layers.ts", line: 1, rule: "found no imports at all" });
report("layers", findings);
