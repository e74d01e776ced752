import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Turns src/proto into src/gen. With `--check` writes elsewhere and compares, so that neither can change without the
 * other.
 */
const home = join(import.meta.dirname, "..");
const generated = join(home, "src/gen");
const bin = join(home, "../../node_modules/.bin");

function generate(into: string): void {
  const path = `${bin}:${process.env["PATH"] ?? ""}`;
  // Started under this Node.js: the programs' own first line would take whichever comes first.
  const { status } = spawnSync(process.execPath, [join(bin, "buf"), "generate", "--output", into], {
    cwd: home,
    env: { ...process.env, PATH: path },
    stdio: "inherit",
  });
  if (status !== 0) throw new Error(`buf generate failed (exit code ${status})`);
}

function contents(folder: string): ReadonlyMap<string, string> {
  return new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}

if (process.argv.includes("--check")) {
  const elsewhere = mkdtempSync(join(tmpdir(), "rivulet-generate-"));
  try {
    generate(elsewhere);
    const fresh = contents(join(elsewhere, "src/gen"));
    const kept = contents(generated);
    const stale = [...new Set([...fresh.keys(), ...kept.keys()])].filter((name) => fresh.get(name) !== kept.get(name));
    if (stale.length > 0) {
      console.error(`src/gen is not what src/proto says: ${stale.join(", ")}. Run npm run generate -w @rivulet/wire`);
      process.exitCode = 1;
    }
  } finally {
    rmSync(elsewhere, { recursive: true, force: true });
  }
} else {
  generate(home);
}
