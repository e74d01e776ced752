import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findStarterModels } from "./starter-models.ts";

const about = { id: "rivulet/starter-x", pipeline: "text-to-image", model: "model", defaults: { width: 256 } };

function packages() {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "rivulet-test-")));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const write = (name: string, content: unknown) => {
    mkdirSync(join(directory, name, "model"), { recursive: true });
    writeFileSync(
      join(directory, name, "package.json"),
      typeof content === "string" ? content : JSON.stringify(content),
    );
  };
  return { directory, write };
}

test("a starter model is a package that says which pipeline and directory", () => {
  const { directory, write } = packages();
  write("starter-x", { name: "@rivulet/starter-x", rivulet: about });
  write("starter-broken", "{");
  write("starter-unknown", { name: "n", rivulet: { ...about, pipeline: "text-to-smell" } });
  write("starter-plain", { name: "n" });
  write("starter-untrained", { name: "n", rivulet: { ...about, id: "rivulet/starter-untrained", model: "absent" } });
  write("gateway", { name: "@rivulet/gateway", rivulet: about });
  expect(findStarterModels([directory, join(directory, "absent"), directory])).toEqual([
    {
      id: "rivulet/starter-x",
      pipeline: "text-to-image",
      directory: join(directory, "starter-x/model"),
      defaults: { width: 256 },
    },
  ]);
});

test("the weights of one package may serve several pipelines, each under an id of its own", () => {
  const { directory, write } = packages();
  const edits = { id: "rivulet/starter-y", pipeline: "image-to-image", model: "model" };
  write("starter-x", { name: "@rivulet/starter-x", rivulet: [about, edits, { ...edits, pipeline: "upscale" }] });
  write("starter-z", { name: "@rivulet/starter-z", rivulet: [about, { ...edits, pipeline: "text-to-smell" }] });
  const weights = join(directory, "starter-x/model");
  expect(findStarterModels([directory])).toEqual([
    { ...about, directory: weights, model: undefined },
    { ...edits, directory: weights, defaults: {}, model: undefined },
  ]);
});
