import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root, with a trailing slash. */
export const root = fileURLToPath(new URL("../../../", import.meta.url));

/**
 * Writes files made from the code, by path from the root. With `--check` it compares instead, and the process ends
 * with 1 when one of them is stale.
 */
export function settle(files: Readonly<Record<string, string>>, command: string): void {
  const stale = Object.entries(files).filter(([path, text]) => current(path) !== text);
  if (process.argv.includes("--check")) {
    for (const [path] of stale) console.error(`${path} is stale: run node ${command}`);
    process.exitCode = stale.length === 0 ? 0 : 1;
    return;
  }
  for (const [path, text] of stale) {
    mkdirSync(dirname(root + path), { recursive: true });
    writeFileSync(root + path, text);
    console.log(`wrote ${path}`);
  }
}

export function version(): string {
  const manifest: { version: string } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
  return manifest.version;
}

function current(path: string): string | undefined {
  try {
    return readFileSync(root + path, "utf8");
  } catch {
    return undefined;
  }
}
