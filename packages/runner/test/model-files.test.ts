import { mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { textToImage as pipeline } from "@rivulet/pipelines";
import { modelId, silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock } from "@rivulet/testkit";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { memoryLauncher } from "../src/host/memory-host.ts";
import { ModelHost } from "../src/host/model-host.ts";
import type { HostImplementations } from "../src/host/serve-host.ts";
import { implementations } from "../src/pipelines/index.ts";
import { systemClock } from "../src/system.ts";
import { verifyInference } from "../src/verify-inference.ts";
import { type TinyModel, writeTinyModel } from "./tiny-model.ts";

/** Real files, opened by ONNX Runtime in a model host of this process. */
const real = implementations as unknown as HostImplementations;
const launcher = memoryLauncher({
  implementations: real,
  randomness: seededRandomness(1),
  clock: new TestClock(),
  log: silentLogger,
});
const MODEL = modelId("tiny/painter");

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "rivulet-files-"));
});
afterAll(() => rm(root, { recursive: true }));

let models = 0;
async function hostOf(tiny: Partial<TinyModel>, change: (at: (path: string) => string) => Promise<unknown>) {
  const directory = join(root, String(models++));
  await writeTinyModel(directory, { family: "sd", ...tiny });
  await change((path) => join(directory, path));
  const model = { pipeline: pipeline.name, model: MODEL, directory, threads: 1 };
  const host = new ModelHost({ model }, { launcher, clock: systemClock });
  onTestFinished(() => host.stop());
  return host;
}

function verify(host: ModelHost): Promise<void> {
  const locate = async () => ({ directory: root, bytes: 1 });
  const config = { pipeline, model: MODEL, slots: 1, keepWarm: false, threads: 1, locate };
  return verifyInference(config, host, new AbortController().signal);
}

describe("a model is ready", () => {
  test.each<[string, Partial<TinyModel>]>([
    ["whose numbers lie in a file of their own", { externalData: true }],
    ["that makes pictures of one size only", { side: 8 }],
  ])("%s", async (_, tiny) => {
    const host = await hostOf(tiny, async () => {});
    await host.start();
    await verify(host);
  });
});

describe("a model is not loaded, and the file is named,", () => {
  test.each<[string, string, (at: (path: string) => string) => Promise<unknown>]>([
    ["when a file is cut", "unet/model.onnx", (at) => truncate(at("unet/model.onnx"), 700)],
    ["when a file is empty", "text_encoder/model.onnx", (at) => writeFile(at("text_encoder/model.onnx"), "")],
    [
      "when a file only points to one elsewhere",
      "vae_decoder/model.onnx",
      (at) => writeFile(at("vae_decoder/model.onnx"), "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
    ],
    [
      "when a folder stands in its place",
      "unet/model.onnx",
      async (at) => {
        await rm(at("unet/model.onnx"));
        await mkdir(at("unet/model.onnx"));
      },
    ],
    ["when there is none", "unet/model.onnx", (at) => rm(at("unet/model.onnx"))],
    ["when its numbers are missing", "vae_decoder/model.onnx_data", (at) => rm(at("vae_decoder/model.onnx_data"))],
    ["when its numbers are cut", "vae_decoder/model.onnx", (at) => truncate(at("vae_decoder/model.onnx_data"), 100)],
    [
      "when settings are no JSON",
      "scheduler/scheduler_config.json",
      (at) => writeFile(at("scheduler/scheduler_config.json"), "{"),
    ],
    ["when a vocabulary lacks its merges", "tokenizer/merges.txt", (at) => rm(at("tokenizer/merges.txt"))],
  ])("%s", async (_what, file, change) => {
    const host = await hostOf({ externalData: true }, change);
    const refused = await host.start().catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: "model.load-failed",
      facts: { pipeline: "text-to-image", model: MODEL, reason: expect.stringContaining(file) },
    });
    expect(String(refused)).not.toContain(root);
  });
});

test.each(["StableDiffusion3Pipeline", "FluxPipeline"])(
  "a %s is refused by its name, as what it is",
  async (family) => {
    const part = ["diffusers", "OnnxRuntimeModel"];
    const host = await hostOf({ family: "sdxl" }, async (at) => {
      await rm(at("unet"), { recursive: true });
      await writeFile(at("model_index.json"), JSON.stringify({ _class_name: family, transformer: part, vae: part }));
      await writeFile(
        at("scheduler/scheduler_config.json"),
        JSON.stringify({ _class_name: "FlowMatchEulerDiscreteScheduler" }),
      );
    });
    await expect(host.start()).rejects.toMatchObject({
      code: "model.load-failed",
      facts: { reason: expect.stringMatching(`cannot be run: ${family} has a transformer`) },
    });
  },
);
