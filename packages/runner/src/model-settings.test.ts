import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ModelSettings } from "./model-settings.ts";

const settings = new ModelSettings({ steps: 3, name: "x", on: true, list: [1, 2], nothing: null });

test("a key that is absent or null has its default", () => {
  expect([settings.number("nothing", 7), settings.boolean("off", false), settings.text("other", "y")]).toEqual([
    7,
    false,
    "y",
  ]);
  expect([settings.findNumber("nothing"), settings.findNumbers("nothing"), settings.has("nothing")]).toEqual([
    undefined,
    undefined,
    false,
  ]);
});

test("a key that is there is read as it stands", () => {
  expect([settings.number("steps", 1), settings.text("name", ""), settings.boolean("on", false)]).toEqual([
    3,
    "x",
    true,
  ]);
  expect([settings.findNumber("steps"), settings.findNumbers("list")]).toEqual([3, [1, 2]]);
  expect(settings.choice("name", ["x", "y"], "y")).toBe("x");
});

test("a value of the wrong kind is refused by its name", () => {
  for (const read of [
    () => settings.number("name", 1),
    () => settings.boolean("steps", true),
    () => settings.text("on", ""),
    () => settings.findNumbers("steps"),
    () => settings.choice("name", ["y"], "y"),
  ])
    expect(read).toThrow(/^setting (name|steps|on) must be/);
});

test("keys of every object's own kind are not settings", () => {
  expect(settings.text("constructor", "none")).toBe("none");
});

test("others may be laid over them", () => {
  expect(settings.with({ steps: 9 }).number("steps", 1)).toBe(9);
  expect(settings.number("steps", 1)).toBe(3);
});

test("an absent file has no settings, and a file that holds no object is refused", async () => {
  const directory = await mkdtemp(join(tmpdir(), "rivulet-settings-"));
  expect((await ModelSettings.read(join(directory, "none.json"))).has("steps")).toBe(false);
  await writeFile(join(directory, "list.json"), "[]");
  await expect(ModelSettings.read(join(directory, "list.json"))).rejects.toThrow(RangeError);
  await writeFile(join(directory, "cut.json"), '{"steps": ');
  await expect(ModelSettings.read(join(directory, "cut.json"))).rejects.toThrow(/cut\.json is no JSON/);
  await rm(directory, { recursive: true });
});
