import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { type Finding, projectFiles, read, report, root } from "./source-files.ts";

/** Every relative link and picture in a document leads to a file, and no document names a place outside the project. */
const LINK = /\]\(([^)#\s]+)(?:#[^)]*)?\)|(?:src|srcset)="([^"]+)"/g;

const findings: Finding[] = [];
for (const path of projectFiles(".md")) {
  const text = read(path);
  for (const match of text.matchAll(LINK)) {
    const target = match[1] ?? match[2] ?? "";
    if (/^[a-z]+:/.test(target)) continue;
    const file = normalize(join(dirname(path), target));
    const line = text.slice(0, match.index).split("\n").length;
    if (file.startsWith("..") || !existsSync(root + file))
      findings.push({ path, line, rule: `leads nowhere: ${target}` });
  }
}
report("links", findings);
