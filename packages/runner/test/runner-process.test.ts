import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDataUrl, verifyImage } from "@rivulet/media";
import { silentLogger } from "@rivulet/primitives";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RunnerProcess } from "../src/supervisor.ts";
import { systemClock } from "../src/system.ts";
import { writeTinyModel } from "./tiny-model.ts";

/** The whole runner as its owner sees it: a process, a model process below it, and a real model in the hub's layout. */
let root: string;
let runner: RunnerProcess;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "rivulet-runner-"));
  await writeTinyModel(join(root, "tiny/painter"), { family: "sd" });
  await writeTinyModel(join(root, "models--tiny--broken/snapshots/only"), { family: "sd", gain: 1e30 });
  const models = [
    { pipeline: "text-to-image", model: "tiny/painter", warm: true },
    { pipeline: "text-to-image", model: "tiny/broken" },
    { pipeline: "text-to-image", model: "tiny/missing" },
  ];
  runner = new RunnerProcess(
    { models, modelDirectories: [root], threads: 1 },
    { clock: systemClock, fetch, log: silentLogger },
  );
  await runner.start();
});
afterAll(async () => {
  await runner.stop();
  await rm(root, { recursive: true });
});

function ask(fields: object, headers: Record<string, string> = {}) {
  const body = JSON.stringify({ prompt: "a fox", width: 64, height: 96, num_inference_steps: 3, ...fields });
  return fetch(`${runner.url}/text-to-image`, { method: "POST", body, headers });
}

test("a prompt goes in and pictures come out, the same ones for the same seed", async () => {
  const response = await ask({ seed: 7, num_images_per_prompt: 2 });
  const answer: { images: { url: string; seed: number; nsfw: boolean }[] } = await response.json();
  expect(answer.images.map(({ seed }) => seed)).toEqual([7, 8]);
  for (const { url } of answer.images) {
    const { bytes } = parseDataUrl(url, { maxBytes: 1_000_000 });
    expect(await verifyImage(bytes)).toMatchObject({ format: "png", width: 64, height: 96 });
  }
  expect(await (await ask({ seed: 8 })).json()).toEqual({ images: [answer.images[1]] });
});

test("a caller that listens sees each picture as it is finished", async () => {
  const response = await ask({ seed: 7, num_images_per_prompt: 2 }, { accept: "text/event-stream" });
  const events = (await response.text()).split("\n\n").map((block) => block.split("\n")[0]?.slice("event: ".length));
  const oneImage = ["progress", "progress", "progress", "image"];
  expect(events.filter((event) => event !== "queued" && event !== "loading")).toEqual([
    "started",
    ...oneImage,
    ...oneImage,
    "done",
    "",
  ]);
});

test("what the model cannot do is the caller's fault, and told as such", async () => {
  const refused = await ask({ loras: '{"some/adapter": 1}' });
  expect([refused.status, refused.headers.get("x-rivulet-code")]).toEqual([400, "request.rejected-by-model"]);
});

test("a model that loads but computes nonsense is never ready", async () => {
  const refused = await ask({ model_id: "tiny/broken" });
  expect([refused.status, refused.headers.get("x-rivulet-code")]).toEqual([500, "model.load-failed"]);
  const health = await (await fetch(`${runner.url}/health`)).json();
  expect(health.status).toBe("OK");
  expect(health.models).toMatchObject([{ state: "ready" }, { warm: false }, { state: "cold" }]);
});

test("a model that is not on disk is our fault, and told together with those that are", async () => {
  const refused = await ask({ model_id: "tiny/missing" });
  expect([refused.status, refused.headers.get("x-rivulet-code")]).toEqual([500, "model.load-failed"]);
  expect(await refused.text()).toContain("it is not on this machine, which has tiny/broken, tiny/painter");
});
