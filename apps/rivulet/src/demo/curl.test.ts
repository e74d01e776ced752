import { execFileSync } from "node:child_process";
import { invariant } from "@rivulet/primitives";
import { expect, test } from "vitest";
import { curlLine } from "./curl.ts";
import { demonstrations } from "./demonstration.ts";

/** The words a shell makes of a line. */
function words(line: string): readonly string[] {
  return execFileSync("sh", ["-c", `printf '%s\\n' ${line.replace(/^curl /, "")}`], { encoding: "utf8" })
    .trimEnd()
    .split("\n");
}

const [drawing, changing] = demonstrations;

test("a request without files is one JSON body, whatever it says", () => {
  invariant(drawing !== undefined, "something is shown");
  const fields = { prompt: `it's "$HOME" \`x\` \\ ✓` };
  const [url, , , , body] = words(curlLine("http://g", drawing, fields, new Map()));
  expect([url, JSON.parse(body ?? "")]).toEqual(["http://g/text-to-image", fields]);
});

test("a request with files is a form", () => {
  invariant(changing !== undefined, "something is shown");
  const line = curlLine("http://g", changing, { prompt: "a star", points: [[1, 2]] }, new Map([["image", "/a b.png"]]));
  expect(words(line)).toEqual([
    "http://g/image-to-image",
    "-F",
    "prompt=a star",
    "-F",
    "points=[[1,2]]",
    "-F",
    "image=@/a b.png",
  ]);
});
