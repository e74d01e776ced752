import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { compileSettings, settingsFromEnvironment } from "./runner-settings.ts";
import { RUNNER_VERSION } from "./version.ts";

const model = { pipeline: "text-to-image", model: "acme/painter" };

describe("settings", () => {
  test("need no more than a model; the runner then listens on loopback, on any port", () => {
    expect(compileSettings({ models: [model] })).toEqual({
      runner: { models: [model], modelDirectories: [] },
      server: { host: "127.0.0.1", port: 0, peer: "rivulet" },
      verbose: false,
      implementations: undefined,
    });
  });

  test.each([
    [null, "settings"],
    [{}, "models"],
    [{ models: {} }, "models"],
    [{ models: [model, { pipeline: "painting", model: "m" }] }, "models[1].pipeline"],
    [{ models: [{ pipeline: "upscale" }] }, "models[0].model"],
    [{ models: [{ ...model, slots: 0 }] }, "models[0].slots"],
    [{ models: [{ ...model, warm: "yes" }] }, "models[0].warm"],
    [{ models: [model], port: 1.5 }, "port"],
    [{ models: [model], memoryBytes: "2 GB" }, "memoryBytes"],
    [{ models: [model], modelDirectories: [1] }, "modelDirectories"],
    [{ models: [model], engine: { seedMode: "dice" } }, "engine.seedMode"],
    [{ models: [model], peer: "stranger" }, "peer"],
  ])("%j have a problem at %s", (settings, path) => {
    expect(() => compileSettings(settings)).toThrow(
      expect.objectContaining({ code: "config.invalid", facts: { problems: [expect.objectContaining({ path })] } }),
    );
  });

  test("come from the variables that published workers set", () => {
    const env = { PIPELINE: "upscale", MODEL_ID: "acme/upscaler", AUTH_TOKEN: "t", PORT: "9000", HOME: "/home/me" };
    expect(compileSettings(settingsFromEnvironment(env))).toMatchObject({
      runner: {
        models: [{ pipeline: "upscale", model: "acme/upscaler", warm: true }],
        modelDirectories: ["/home/me/.lpData/models"],
      },
      server: { host: "0.0.0.0", port: 9000, authToken: "t", peer: "published-worker" },
    });
    expect(() => compileSettings(settingsFromEnvironment({}))).toThrow(
      expect.objectContaining({ code: "config.invalid" }),
    );
  });
});

test("the version told is the package's", () => {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  expect(RUNNER_VERSION).toBe(manifest.version);
});
