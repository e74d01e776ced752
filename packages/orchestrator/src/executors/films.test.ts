import { encodePng, sniffContentType, toDataUrl } from "@rivulet/media";
import { imageToVideo } from "@rivulet/pipelines";
import { codeOf, isError, modelId, silentLogger } from "@rivulet/primitives";
import { FakeRunner, type FakeRunnerBehaviour, TestClock } from "@rivulet/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { AdmittedJob } from "../executor.ts";
import { filesOfResult } from "../result-files.ts";
import { RunnerHttp } from "./runner-http.ts";

let runner: FakeRunner;
let executor: RunnerHttp;
const model = modelId("m");

beforeEach(async () => {
  runner = new FakeRunner([{ pipeline: "image-to-video", model, slots: 1 }]);
  await runner.start();
  executor = new RunnerHttp({ url: runner.url, models: [] }, { clock: new TestClock(), log: silentLogger });
  await executor.start();
});
afterEach(async () => {
  await executor.stop();
  await runner.stop();
});

async function frame(brightness: number): Promise<string> {
  const data = new Uint8Array(16 * 16 * 3).fill(brightness);
  return toDataUrl("image/png", await encodePng({ width: 16, height: 16, data }));
}

function answers(frames: unknown): FakeRunnerBehaviour {
  return () => ({ body: JSON.stringify({ frames }) });
}

async function run() {
  const slot = executor.tryReserve(imageToVideo, model);
  if (slot === undefined) throw new Error("no slot");
  using _taken = slot;
  const bytes = await encodePng({ width: 1, height: 1, data: Uint8Array.of(1, 2, 3) });
  const job: AdmittedJob = {
    requestId: "r",
    pipeline: imageToVideo,
    model,
    request: imageToVideo.request.parse({ fps: 12 }),
    media: { image: { bytes, filename: "a.png", contentType: "image/png" } },
  };
  const result = await slot.run(job, { signal: new AbortController().signal });
  if (result.kind !== "response") throw new Error("a stream");
  return result;
}

test("a runner's frames become one video file, with the seed they were made with and the warning of any", async (context) => {
  const made = await Promise.all([0, 100, 200].map(frame));
  runner.behave(answers([made.map((url, index) => ({ url, seed: 7, nsfw: index === 1 }))]));
  const result = await run().catch((error: unknown) => {
    // The encoder is optional: without one this is all that can be shown.
    if (isError(error, "runner.failed") && error.facts.reason?.includes("needs the package node-av")) context.skip();
    throw error;
  });
  expect(result.response).toEqual({ images: [{ url: "film-0.mp4", seed: 7, nsfw: true }] });
  expect(imageToVideo.response.safeParse(result.response).success).toBe(true);
  const [file] = filesOfResult(imageToVideo, result);
  expect(file?.contentType).toBe("video/mp4");
  expect(file && sniffContentType(file.bytes)).toBe("video/mp4");
});

test("frames that are none are the runner's failure", async () => {
  const good = { url: await frame(1), seed: 7, nsfw: false };
  for (const frames of [
    [[]],
    [[{ ...good, url: "https://example.org/frame.png" }]],
    [[{ ...good, url: toDataUrl("image/png", Buffer.from("no picture")) }]],
    [[good, { ...good, url: "data:image/png;base64,AA==" }]],
    [[{ url: good.url }]],
    "frames",
  ]) {
    runner.behave(answers(frames));
    await expect(run().catch(codeOf)).resolves.toBe("runner.failed");
  }
});
