import { textToImage } from "@rivulet/pipelines";
import { codeOf, errorBody, modelId, RivuletError, seconds, silentLogger } from "@rivulet/primitives";
import { FakeRunner, refuses, TestClock } from "@rivulet/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runnerError } from "./runner-error.ts";
import { RunnerHttp } from "./runner-http.ts";

let clock: TestClock;
let runner: FakeRunner;
let executor: RunnerHttp;
const configured = { pipeline: textToImage, model: modelId("configured"), isWarm: true, slots: 3 };

beforeEach(async () => {
  clock = new TestClock();
  runner = new FakeRunner([{ pipeline: "text-to-image", model: "m", slots: 2 }]);
  await runner.start();
  executor = new RunnerHttp({ url: runner.url, models: [configured] }, { clock, log: silentLogger });
  await executor.start();
});
afterEach(async () => {
  await executor.stop();
  await runner.stop();
});

const offered = () => executor.offers().map(({ model, slots, isWarm }) => ({ model, slots, isWarm }));

test("a runner that lists its models is believed", () => {
  expect(offered()).toEqual([{ model: "m", slots: 2, isWarm: true }]);
  expect(executor.offers()[0]?.runnerVersion).toBe("0.14.1");
});

test("a runner that does not offers what is configured", async () => {
  runner.listsModels = false;
  await executor.refresh();
  expect(offered()).toEqual([{ model: "configured", slots: 3, isWarm: true }]);
});

test("two failures take the models away, one success brings them back, and listeners hear of both", async () => {
  let changes = 0;
  using _listening = executor.onOffersChanged(() => {
    changes += 1;
  });
  runner.healthStatus = 500;
  await executor.refresh();
  expect(offered()).toHaveLength(1);
  await executor.refresh();
  expect(offered()).toHaveLength(0);
  runner.healthStatus = 200;
  await executor.refresh();
  expect(offered()).toHaveLength(1);
  expect(changes).toBe(2);
});

test("it is asked again by itself", async () => {
  runner.models = [{ pipeline: "text-to-image", model: "new" }];
  const changed = new Promise<void>((resolve) => {
    executor.onOffersChanged(resolve);
  });
  await clock.advance(seconds(5));
  await changed;
  expect(offered()).toEqual([{ model: "new", slots: 1, isWarm: true }]);
});

test("a runner that is not there is no reason not to start", async () => {
  const absent = new RunnerHttp({ url: "http://127.0.0.1:1", models: [configured] }, { clock, log: silentLogger });
  await absent.start();
  expect(absent.offers()).toEqual([]);
  await absent.stop();
});

test("what is wrong with a runner is said once, whether it has ever answered or not", async () => {
  const said: unknown[] = [];
  const log = { ...silentLogger, warn: (_text: string, facts?: object) => void said.push(facts) };
  runner.healthStatus = 503;
  const watched = new RunnerHttp({ url: runner.url, models: [configured] }, { clock, log });
  await watched.start();
  expect(said).toHaveLength(1);
  await watched.refresh();
  expect(said).toHaveLength(1);
  runner.healthStatus = 200;
  await watched.refresh();
  runner.healthStatus = 503;
  await watched.refresh();
  await watched.refresh();
  await watched.refresh();
  expect(said).toEqual([said[0], said[0]]);
  await watched.stop();
});

test("models that a runner cannot load any more are not offered, nor entries that make no sense", async () => {
  runner.models = [
    { pipeline: "text-to-image", model: "m", slots: 0 },
    { pipeline: "juggling", model: "m" },
    { pipeline: "live-video-to-video", model: "m" },
  ];
  await executor.refresh();
  expect(offered()).toEqual([]);
});

test.each([
  [400, undefined, "request.rejected-by-model"],
  [401, undefined, "runner.failed"],
  [413, undefined, "request.rejected-by-model"],
  [415, undefined, "request.media-unsupported"],
  [422, undefined, "request.invalid"],
  [500, undefined, "runner.failed"],
  [503, undefined, "runner.unavailable"],
  [418, undefined, "runner.failed"],
  [500, "runner.crashed", "runner.crashed"],
  [400, "payment.refused", "peer.failed"],
  [503, "node.stopping", "runner.unavailable"],
  [401, "auth.rejected", "peer.failed"],
  [403, "credentials.token-expired", "peer.failed"],
  [400, "job.deadline-exceeded", "peer.failed"],
  [500, "no.such-code", "runner.failed"],
])("status %i with code %s is %s", (status, code, expected) => {
  const error = code === undefined ? {} : { error: { code, facts: { limitMs: 1 } } };
  const body = JSON.stringify({ detail: { msg: "x" }, ...error });
  expect(codeOf(runnerError({ pipeline: "p", model: "m", status, body }))).toBe(expected);
});

test.each([
  new RivuletError("request.rejected-by-model", { field: "loras", reason: "none here" }),
  new RivuletError("request.media-undecodable", { field: "audio", reason: "no header" }),
  new RivuletError("request.too-large", { limitBytes: 7, field: "image" }),
  new RivuletError("model.load-failed", { pipeline: "llm", model: "m", reason: "no config.json" }),
])("a runner of ours has said all of it: %s", (error) => {
  const { code, facts, message } = runnerError({
    pipeline: "text-to-image",
    model: "m",
    status: 400,
    body: JSON.stringify({ ...errorBody(error), detail: { msg: error.message } }),
  });
  expect([code, facts, message]).toEqual([error.code, error.facts, error.message]);
});

test("what another runner cannot read is the file of the pipeline", () => {
  const body = '{"detail":{"msg":"TIFF"}}';
  expect(runnerError({ pipeline: "audio-to-text", model: "m", status: 415, body }).facts).toEqual({
    field: "audio",
    reason: "TIFF",
  });
});

test("problems of fields are passed on", () => {
  const body = JSON.stringify({ detail: [{ loc: ["body", "prompt"], msg: "Field required", type: "missing" }, 7] });
  expect(runnerError({ pipeline: "p", model: "m", status: 422, body }).facts).toEqual({
    problems: [{ loc: ["body", "prompt"], msg: "Field required", type: "missing" }],
  });
});

test("an error text without end is cut", async () => {
  runner.behave(refuses(500, "x".repeat(100_000)));
  using slot = executor.tryReserve(textToImage, modelId("m"));
  const job = {
    requestId: "r",
    pipeline: textToImage,
    model: modelId("m"),
    request: textToImage.request.parse({ prompt: "p", model_id: "m" }),
    media: {},
  };
  const running = slot?.run(job, { signal: new AbortController().signal });
  await expect(running).rejects.toSatisfy((error: Error) => error.message.length < 5000);
});
