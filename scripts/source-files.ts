import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The repository's root, with a trailing slash. */
export const root = fileURLToPath(new URL("../", import.meta.url));

/** Every file that git knows or would know, relative to the root, that ends in one of `extensions`. */
export function projectFiles(...extensions: readonly string[]): readonly string[] {
  const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], { cwd: root });
  return listed
    .toString()
    .split("\0")
    .filter(
      (path) => path !== "" && extensions.some((extension) => path.endsWith(extension)) && existsSync(root + path),
    );
}

export function read(path: string): string {
  return readFileSync(root + path, "utf8");
}

/** A place in a file that breaks a rule. */
export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
}

export function report(name: string, findings: readonly Finding[]): never {
  for (const { path, line, rule } of findings) console.error(`${path}:${line}: ${rule}`);
  console.error(findings.length === 0 ? `${name}: ok` : `${name}: ${findings.length} findings`);
  process.exit(findings.length === 0 ? 0 : 1);
}

export function isTest(path: string): boolean {
  return /\.test(-d)?\.ts$/.test(path) || /\/test\//.test(path);
}

/** A command that developers run, such as a generator: part of no package, wherever it lies. */
export function isTool(path: string): boolean {
  return /^packages\/[^/]+\/scripts\//.test(path);
}
