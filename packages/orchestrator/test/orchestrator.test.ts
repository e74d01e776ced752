import { connect } from "node:http2";
import { offChainSigner } from "@rivulet/crypto";
import { batchPipelines } from "@rivulet/pipelines";
import { minutes, RivuletError, seconds, silentLogger } from "@rivulet/primitives";
import { answersRubbish, answersWell, crashes, Gate, hangs, refuses, tells, turn } from "@rivulet/testkit";
import {
  bitsOf,
  DEFAULT_CAPABILITIES,
  encodeFormData,
  encodeSegmentCredentials,
  NO_CAPABILITIES,
  numbersOf,
  readErrorBody,
  signSegmentCredentials,
  WORKER_PROTOCOL,
} from "@rivulet/wire";
import { request } from "undici";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Orchestrator } from "../src/orchestrator.ts";
import { OrchestratorWorld } from "./orchestrator-world.ts";

const models = [
  { pipeline: "text-to-image", model: "m", slots: 2 },
  { pipeline: "text-to-image", model: "cold", warm: false },
  { pipeline: "image-to-image", model: "m" },
  { pipeline: "image-to-video", model: "m" },
  { pipeline: "llm", model: "m" },
  { pipeline: "text-to-speech", model: "m" },
];
const prompt = { prompt: "p", model_id: "m", seed: 3, width: 64, height: 64 };
const messages = [{ role: "user", content: "hello" }];

let world: OrchestratorWorld;
beforeEach(async () => {
  world = await OrchestratorWorld.open(models, {
    nodes: ["https://n:8935"],
    version: "1.2.3",
    maxRequestBytes: 100_000,
  });
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

describe("discovery", () => {
  test("it tells what it offers: the default set, a bit for each pipeline, each model warm or cold", async () => {
    const { serviceUri, capabilities, authToken, nodes, hardware, price, ticketParams } = await world.info();
    expect(serviceUri).toBe(world.orchestrator.serviceUri);
    expect(numbersOf(capabilities?.bits ?? [])).toEqual([...DEFAULT_CAPABILITIES, 27, 28, 29, 33, 36]);
    expect(capabilities?.models.get(27)?.get("m")).toMatchObject({
      isWarm: true,
      capacity: 2,
      runnerVersion: "0.14.1",
    });
    expect(capabilities?.models.get(27)?.get("cold")).toMatchObject({ isWarm: false, capacity: 1 });
    expect(authToken?.expiresAt).toBe(Math.floor((world.clock.now() + minutes(30)) / 1000) * 1000);
    expect(nodes).toEqual(["https://n:8935"]);
    expect(hardware[0]?.gpus.get("0")).toMatchObject({ name: "T4", memoryTotal: 20n });
    expect([price, ticketParams]).toEqual([undefined, undefined]);
  });

  test("hardware is told only to those who ask about everything", async () => {
    expect((await world.info(NO_CAPABILITIES)).hardware).toEqual([]);
  });

  test("free slots fall while jobs run, and come back", async () => {
    const gate = new Gate();
    world.runner.behave(gate.before(answersWell));
    const job = world.post("/text-to-image", prompt);
    await world.runner.arrived(1);
    expect((await world.info()).capabilities?.models.get(27)?.get("m")?.capacity).toBe(1);
    gate.open();
    expect((await job).status).toBe(200);
    expect((await world.info()).capabilities?.models.get(27)?.get("m")?.capacity).toBe(2);
  });

  test("a question of more than 64 KiB is not read", async () => {
    const ping = world.control((client) => client.ping({ value: new Uint8Array(65_537) }));
    await expect(ping).rejects.toMatchObject({ code: 8 });
  });

  test("a ping off-chain is answered with no bytes", async () => {
    expect((await world.control((client) => client.ping({ value: Buffer.from("ping") }))).value).toHaveLength(0);
  });

  test("a session that is not ours cannot be ended", async () => {
    const ended = world.control((client) => client.endTranscodingSession({}));
    await expect(ended).rejects.toMatchObject({ code: 2, rawMessage: "Invalid auth token" });
  });
});

describe("one port", () => {
  test("jobs travel over HTTP/2 as well", async () => {
    const session = connect(world.orchestrator.address, { rejectUnauthorized: false });
    const stream = session.request({
      ":method": "POST",
      ":path": "/text-to-image",
      "content-type": "application/json",
      authorization: WORKER_PROTOCOL,
      "livepeer-segment": await world.credentials(),
    });
    stream.end(JSON.stringify(prompt));
    let text = "";
    for await (const chunk of stream) text += chunk;
    session.close();
    expect(JSON.parse(text)).toMatchObject({ images: [{ seed: 3 }] });
  });

  test("a port without TLS serves HTTP/1.1, HTTP/2 and gRPC", async () => {
    await using clear = await OrchestratorWorld.open(models, {
      isClearTextOnly: true,
      listenClearText: { host: "127.0.0.1", port: 0 },
    });
    expect(clear.orchestrator.address).toMatch(/^http:/);
    expect((await clear.post("/text-to-image", prompt)).status).toBe(200);
  });

  test("a port that is taken is said so", async () => {
    const port = Number(new URL(world.orchestrator.address).port);
    const second = OrchestratorWorld.open(models, { listen: { host: "127.0.0.1", port } });
    await expect(second).rejects.toMatchObject({ code: "node.cannot-start" });
  });

  test("it tells how it is", async () => {
    expect((await world.ask("/healthz")).status).toBe(200);
    expect(JSON.parse((await world.ask("/readyz")).text)).toEqual({ isReady: true, models: 6, jobs: 0 });
    expect(JSON.parse((await world.ask("/version")).text)).toEqual({ version: "1.2.3", compatibility: "0.9.1" });
    expect((await world.ask("/nothing")).status).toBe(404);
  });
});

describe("jobs", () => {
  test("a picture is behind a URL that works for anyone, for ten minutes", async () => {
    const answer = await world.post("/text-to-image", { ...prompt, num_images_per_prompt: 2 });
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toBe("application/json");
    expect(answer.headers["server-timing"]).toBe("queue;dur=1, load;dur=0, inference;dur=25");
    const { images } = JSON.parse(answer.text);
    expect(images).toMatchObject([{ seed: 3, nsfw: false }, { seed: 4 }]);
    expect(images[0].url).toMatch(/\/stream\/[0-9a-f]{32}\/[0-9a-f]{32}\.png$/);
    expect(images[0].url).not.toBe(images[1].url);
    const file = await world.get(images[0].url);
    expect([file.status, file.headers["content-type"], file.headers["access-control-allow-origin"]]).toEqual([
      200,
      "image/png",
      "*",
    ]);
    expect(file.headers["cache-control"]).toBe("max-age=5");
    expect(file.body.subarray(1, 4).toString("latin1")).toBe("PNG");
    await world.clock.advance(minutes(10));
    const gone = await world.get(images[0].url);
    expect([gone.status, gone.text]).toEqual([404, "ErrNotFound\n"]);
  });

  test("a gateway from before the protocol marker gets pictures inside the answer", async () => {
    const answer = await world.post("/text-to-image", prompt, { authorization: undefined });
    expect(JSON.parse(answer.text).images[0].url).toMatch(/^data:image\/png;base64,/);
  });

  test("speech is behind a URL for any gateway", async () => {
    const answer = await world.post("/text-to-speech", { text: "hello", model_id: "m" }, { authorization: undefined });
    const file = await world.get(JSON.parse(answer.text).audio.url);
    expect(file.headers["content-type"]).toBe("audio/wav");
  });

  test("a runner's frames are one video behind a URL", async (context) => {
    const { body, contentType } = imageForm();
    const answer = await world.post("/image-to-video", body, { "content-type": contentType });
    if (answer.text.includes("needs the package node-av")) context.skip();
    const { images } = JSON.parse(answer.text);
    expect(images).toHaveLength(1);
    const file = await world.get(images[0].url);
    expect(file.headers["content-type"]).toBe("video/mp4");
  });

  test("a form with a file reaches the runner as a form", async () => {
    const { body, contentType } = imageForm();
    const answer = await world.post("/image-to-image", body, { "content-type": contentType });
    expect(answer.status).toBe(200);
    expect(world.runner.jobs[0]?.files.get("image")).toEqual(ONE_PIXEL);
    expect(world.runner.jobs[0]?.fields).toMatchObject({ prompt: "p", model_id: "m", strength: 0.8 });
  });

  test("a language model's events are passed on until the last", async () => {
    const answer = await world.post("/llm", { messages, model: "m", stream: true });
    expect(answer.headers["content-type"]).toBe("text/event-stream");
    const events = answer.text.split("\n\n").filter((line) => line !== "");
    expect(events.map((event) => JSON.parse(event.slice("data: ".length)).choices[0].finish_reason)).toEqual([
      "",
      "",
      "stop",
    ]);
  });

  test("a language model's whole answer is passed on", async () => {
    expect(JSON.parse((await world.post("/llm", { messages, model: "m" })).text).choices[0].finish_reason).toBe("stop");
  });

  test("a caller that leaves ends the work, and the slot comes back", async () => {
    world.runner.behave(hangs);
    const controller = new AbortController();
    const job = world.post("/text-to-image", prompt, {}, controller.signal);
    job.catch(() => {});
    await world.runner.arrived(1);
    controller.abort();
    while (world.runner.jobs[0]?.left.aborted !== true) await turn();
    while ((await world.info()).capabilities?.models.get(27)?.get("m")?.capacity !== 2) await turn();
  });

  test("a job that lasts too long is ended", async () => {
    world.runner.behave(hangs);
    const job = world.post("/text-to-image", prompt);
    await world.runner.arrived(1);
    await world.clock.advance(minutes(15));
    expect(await job).toMatchObject({ status: 500, headers: { "x-rivulet-code": "job.deadline-exceeded" } });
  });

  test("of a hundred at once on two slots each is done or refused, and no slot is lost", async () => {
    const header = { "livepeer-segment": await world.credentials() };
    const answers = await Promise.all(Array.from({ length: 100 }, () => world.post("/text-to-image", prompt, header)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.every((status) => status === 200 || status === 503)).toBe(true);
    expect(statuses).toContain(200);
    expect((await world.info()).capabilities?.models.get(27)?.get("m")?.capacity).toBe(2);
  });
});

/** Source: wire-protocol 4.4. */
describe("each step refuses with its own status and words", () => {
  const refused = async (answer: Awaited<ReturnType<OrchestratorWorld["post"]>>) => ({
    status: answer.status,
    code: answer.headers["x-rivulet-code"],
    text: answer.text,
  });

  test.each(batchPipelines.map(({ name }) => name))("%s takes no other method", async (name) => {
    expect(await refused(await world.ask(`/${name}`))).toMatchObject({
      status: 405,
      code: "request.method-not-allowed",
    });
  });

  test("0: a body over the limit is 413", async () => {
    const answer = await world.post("/text-to-image", "x".repeat(100_001));
    expect(await refused(answer)).toMatchObject({ status: 413, code: "request.too-large" });
  });

  test("0: a body over the limit is 413 over HTTP/2 too, and its stream is not kept open for the rest", async () => {
    const session = connect(world.orchestrator.address, { rejectUnauthorized: false });
    const stream = session.request({ ":method": "POST", ":path": "/text-to-image" });
    const answered = Promise.withResolvers<unknown>();
    stream.on("response", (headers) => answered.resolve(headers[":status"]));
    stream.on("error", () => {});
    const closed = new Promise((resolve) => stream.once("close", resolve));
    stream.resume();
    stream.write(Buffer.alloc(150_000));
    expect(await answered.promise).toBe(413);
    stream.write(Buffer.alloc(150_000));
    await closed;
    session.close();
  });

  test("0: a body for which there is no memory is 503, and gateways go elsewhere", async () => {
    await using small = await OrchestratorWorld.open(models, { maxBodiesBytes: 100 });
    const gate = new Gate();
    small.runner.behave(gate.before(answersWell));
    const first = small.post("/text-to-image", prompt);
    await small.runner.arrived(1);
    expect(await refused(await small.post("/text-to-image", prompt))).toEqual({
      status: 503,
      code: "node.overloaded",
      text: "insufficient capacity\n",
    });
    gate.open();
    expect((await first).status).toBe(200);
    expect((await small.post("/text-to-image", prompt)).status).toBe(200);
  });

  test("0: a body that does not end is given up", async () => {
    const session = connect(world.orchestrator.address, { rejectUnauthorized: false });
    const stream = session.request({ ":method": "POST", ":path": "/text-to-image" });
    stream.write("{");
    const answered = new Promise((resolve) => stream.on("response", (headers) => resolve(headers[":status"])));
    while (JSON.parse((await world.ask("/readyz")).text).jobs === 0) await turn();
    await world.clock.advance(minutes(5));
    expect(await answered).toBe(504);
    session.destroy();
  });

  test("1: a body that is not JSON is 400", async () => {
    const answer = await world.post("/text-to-image", "{");
    expect(await refused(answer)).toMatchObject({ status: 400, code: "request.malformed" });
    expect(answer.headers["x-content-type-options"]).toBe("nosniff");
    expect(answer.headers["content-type"]).toBe("text/plain; charset=utf-8");
  });

  test("1: a body that is no form is 400", async () => {
    expect(await refused(await world.post("/upscale", prompt))).toMatchObject({
      status: 400,
      code: "request.malformed",
    });
  });

  test("1: a request without a model is 400", async () => {
    const { model_id: _, ...nameless } = prompt;
    expect(await refused(await world.post("/text-to-image", nameless))).toMatchObject({
      status: 400,
      code: "request.invalid",
    });
  });

  test.each([
    ["not base64", "#", "base64 decode error", "payment.malformed"],
    ["not a message", "/w==", "base64 decode error", "payment.malformed"],
  ])("2: a payment that is %s is 402", async (_what, header, _text, code) => {
    const answer = await world.post("/text-to-image", prompt, { "livepeer-payment": header });
    expect(await refused(answer)).toMatchObject({ status: 402, code });
  });

  test("3: credentials that are not base64 are 403 ErrorSegEncoding", async () => {
    const answer = await world.post("/text-to-image", prompt, { "livepeer-segment": "#" });
    expect(await refused(answer)).toEqual({ status: 403, code: "credentials.malformed", text: "ErrorSegEncoding\n" });
  });

  test("3: credentials for what is not offered are 403", async () => {
    const wanted = { ...NO_CAPABILITIES, bits: bitsOf([31]) };
    const answer = await world.post("/text-to-image", prompt, { "livepeer-segment": await world.credentials(wanted) });
    expect(await refused(answer)).toEqual({
      status: 403,
      code: "credentials.incompatible",
      text: "incompatible capabilities\n",
    });
  });

  test("3: credentials without a token are 403", async () => {
    const answer = await world.post("/text-to-image", prompt, { "livepeer-segment": undefined });
    expect(await refused(answer)).toEqual({
      status: 403,
      code: "credentials.token-missing",
      text: "missing auth token\n",
    });
  });

  test("3: a token of another process is 403", async () => {
    const authToken = { token: new Uint8Array(32), sessionId: "s", expiresAt: minutes(1e9) };
    const claims = { manifestId: "27_m", capabilities: NO_CAPABILITIES, authToken };
    const header = encodeSegmentCredentials(signSegmentCredentials(claims, offChainSigner));
    const answer = await world.post("/text-to-image", prompt, { "livepeer-segment": header });
    expect(await refused(answer)).toEqual({
      status: 403,
      code: "credentials.token-invalid",
      text: "invalid auth token\n",
    });
  });

  test("3: a token from too long ago is 403", async () => {
    const header = await world.credentials();
    await world.clock.advance(minutes(31));
    const answer = await world.post("/text-to-image", prompt, { "livepeer-segment": header });
    expect(await refused(answer)).toEqual({
      status: 403,
      code: "credentials.token-expired",
      text: "expired auth token\n",
    });
  });

  test("4: a file that is no image is 400", async () => {
    const { body, contentType } = imageForm(Buffer.from("not an image at all"));
    const answer = await world.post("/image-to-image", body, { "content-type": contentType });
    expect(await refused(answer)).toMatchObject({ status: 400, code: "request.media-unsupported" });
  });

  test("5: no free slot is 503", async () => {
    const gate = new Gate();
    world.runner.behave(gate.before(answersWell));
    const jobs = [world.post("/text-to-image", prompt), world.post("/text-to-image", prompt)];
    await world.runner.arrived(2);
    expect(await refused(await world.post("/text-to-image", prompt))).toEqual({
      status: 503,
      code: "capacity.exhausted",
      text: "insufficient capacity\n",
    });
    gate.open();
    expect((await Promise.all(jobs)).map(({ status }) => status)).toEqual([200, 200]);
  });

  test("5: a model that nobody has is 503", async () => {
    const answer = await world.post("/text-to-image", { ...prompt, model_id: "unknown" });
    expect(await refused(answer)).toMatchObject({ status: 503, code: "capacity.exhausted" });
  });

  test("9: what the runner says about the request is told so that gateways know it", async () => {
    world.runner.behave(refuses(400, "bad prompt"));
    expect(await refused(await world.post("/text-to-image", prompt))).toEqual({
      status: 500,
      code: "request.rejected-by-model",
      text: "text-to-image container returned 400: bad prompt\n",
    });
  });

  test("9: a gateway of ours is told what the runner threw, others the same in the network's words", async () => {
    const error = new RivuletError("request.rejected-by-model", { field: "loras", reason: "none here" });
    world.runner.behave(tells(error));
    const text = "text-to-image container returned 400: loras: none here\n";
    expect(await refused(await world.post("/text-to-image", prompt))).toMatchObject({ status: 500, text });
    const ours = await world.post("/text-to-image", prompt, { "x-rivulet": "1.2.3" });
    expect([ours.status, ours.headers["x-rivulet-code"]]).toEqual([500, error.code]);
    expect(readErrorBody(ours.text)).toMatchObject({ message: error.message, facts: error.facts });
  });

  test.each([
    ["fails", refuses(500, "broken"), "runner.failed"],
    ["names its error", tells(new RivuletError("runner.out-of-memory", { reason: "no room" })), "runner.out-of-memory"],
    ["breaks off", crashes, "runner.crashed"],
    ["answers rubbish", answersRubbish, "runner.failed"],
    ["answers another form", () => ({ body: '{"images":7}' }), "runner.failed"],
    [
      "answers something that is no picture",
      () => ({ body: '{"images":[{"url":"data:image/png;base64,AAAA","seed":1,"nsfw":false}]}' }),
      "peer.bad-result",
    ],
    ["answers without JSON", () => ({ body: "ok", headers: { "content-type": "text/html" } }), "runner.failed"],
  ])("9: a runner that %s is 500", async (_what, behaviour, code) => {
    world.runner.behave(behaviour);
    expect(await refused(await world.post("/text-to-image", prompt))).toMatchObject({ status: 500, code });
    world.runner.behave(answersWell);
    expect((await world.post("/text-to-image", prompt)).status).toBe(200);
  });

  test("a caller that asks for JSON gets our body with the protocol's status", async () => {
    const answer = await world.post("/text-to-image", "{", { accept: "application/json" });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text).error.code).toBe("request.malformed");
  });
});

describe("stopping", () => {
  test("a node that is stopped while it starts leaves no port open", async () => {
    const { clock, randomness } = world;
    const port = { host: "127.0.0.1", port: 0 };
    const orchestrator = new Orchestrator({ listen: port }, { clock, randomness, log: silentLogger });
    const starting = orchestrator.start();
    await orchestrator.stop();
    await starting;
    const asking = request(`${orchestrator.address}/healthz`, { dispatcher: world.agent });
    await expect(asking).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  test("jobs under way are finished, new ones are refused", async () => {
    const gate = new Gate();
    world.runner.behave(gate.before(answersWell));
    const header = { "livepeer-segment": await world.credentials() };
    const job = world.post("/text-to-image", prompt, header);
    await world.runner.arrived(1);
    const stopping = world.orchestrator.stop();
    expect((await world.post("/text-to-image", prompt, header)).headers["x-rivulet-code"]).toBe("node.stopping");
    gate.open();
    expect((await job).status).toBe(200);
    await stopping;
  });

  test("jobs that do not end are called off after the limit", async () => {
    world.runner.behave(hangs);
    const job = world.post("/text-to-image", prompt);
    await world.runner.arrived(1);
    const stopping = world.orchestrator.stop();
    await turn();
    await world.clock.advance(seconds(1));
    expect((await job).headers["x-rivulet-code"]).toBe("node.stopping");
    await stopping;
    await world.orchestrator.stop();
  });
});

const ONE_PIXEL = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

function imageForm(bytes: Uint8Array = ONE_PIXEL) {
  return encodeFormData(
    [["image", { bytes, filename: "a.png" }]],
    [
      ["prompt", "p"],
      ["model_id", "m"],
    ],
  );
}
