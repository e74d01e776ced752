import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { read, root } from "./source-files.ts";

/** What others can import is a promise: a name that comes or goes shows in `public-names.txt`, and in the review. */
const published = readdirSync(`${root}packages`).filter((name) => name !== "testkit");

test("the public names of every package are those that were agreed on", async () => {
  const pages = published.map((name) => {
    const names = [...exportedNames(read(`packages/${name}/src/index.ts`))].sort();
    return `@rivulet/${name}\n${names.map((each) => `  ${each}\n`).join("")}`;
  });
  await expect(pages.join("\n")).toMatchFileSnapshot("public-names.txt");
});

test("every index lists its exports by name", () => {
  for (const name of published) expect(read(`packages/${name}/src/index.ts`), name).not.toMatch(/export \*/);
});

function* exportedNames(index: string): Generator<string> {
  for (const [, list = ""] of index.matchAll(/export (?:type )?\{([^}]*)\}/g))
    for (const entry of list.replace(/\/\/.*|\/\*[\s\S]*?\*\//g, "").split(",")) {
      const name = entry
        .trim()
        .replace(/^type /, "")
        .split(" as ")
        .at(-1);
      if (name) yield name;
    }
}
