import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findStarterModels } from "./starter-models.ts";

test("a starter model is a package that says which pipeline and directory", () => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "rivulet-test-")));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const write = (name: string, content: unknown) => {
    mkdirSync(join(directory, name));
    writeFileSync(
      join(directory, name, "package.json"),
      typeof content === "string" ? content : JSON.stringify(content),
    );
  };
  const about = { id: "rivulet/starter-x", pipeline: "text-to-image", model: "model", defaults: { width: 256 } };
  write("starter-x", { name: "@rivulet/starter-x", rivulet: about });
  write("starter-broken", "{");
  write("starter-unknown", { name: "n", rivulet: { ...about, pipeline: "text-to-smell" } });
  write("starter-plain", { name: "n" });
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
