import { createServer, request as httpRequest } from "node:http";
import { modelId, seconds, silentLogger } from "@rivulet/primitives";
import { seededRandomness, TestClock, turn } from "@rivulet/testkit";
import { afterEach, describe, expect, test } from "vitest";
import { implementations } from "../../test/fake-implementations.ts";
import { Hardware } from "../hardware.ts";
import { memoryLauncher } from "../host/memory-host.ts";
import { processLauncher } from "../host/process-host.ts";
import type { HostImplementations } from "../host/serve-host.ts";
import { Runner, type RunnerModel, type RunnerOptions } from "../runner.ts";
import { systemClock } from "../system.ts";
import { RunnerServer, type RunnerServerOptions } from "./server.ts";

const HERE = new URL(".", import.meta.url).pathname;
const inMemory = memoryLauncher({
  implementations: implementations as unknown as HostImplementations,
  randomness: seededRandomness(1),
  clock: new TestClock(),
  log: silentLogger,
});
const inProcess = processLauncher({
  implementations: new URL("../../test/fake-implementations.ts", import.meta.url),
  log: silentLogger,
});

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((thing) => thing.stop()));
});

function fake(id: string, more: Partial<RunnerModel> = {}): RunnerModel {
  return { pipeline: "text-to-image", model: modelId(id), directory: HERE, ...more };
}

async function serve(
  options: Partial<RunnerOptions & RunnerServerOptions> & { readonly launcher?: typeof inMemory } = {},
) {
  const ports = { clock: systemClock, randomness: seededRandomness(2), log: silentLogger };
  const runner = new Runner(
    { models: [fake("fake/good")], ...options },
    { ...ports, launcher: options.launcher ?? inMemory },
  );
  const hardware = new Hardware({ clock: systemClock, query: async () => "" });
  const server = new RunnerServer({ host: "127.0.0.1", port: 0, ...options }, { ...ports, runner, hardware });
  await server.start();
  await runner.start();
  open.push(server, runner);
  return { url: server.url, runner, server };
}

function ask(url: string, body: unknown, headers: Record<string, string> = {}, signal?: AbortSignal) {
  return fetch(`${url}/text-to-image`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** What metric names may end in: a unit, or what is counted. */
const UNITS = /_(?:seconds|bytes|jobs|models|pixels|failures|evictions|crashes)(?:_total)?$/;
const small = { width: 64, height: 64 };

/** The events of a stream, in order. */
async function* eventsOf(response: Response): AsyncGenerator<{ event: string; data: Record<string, unknown> }> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const piece of response.body ?? []) {
    text += decoder.decode(piece, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const [event = "", data = ""] = block.split("\n").map((line) => line.slice(line.indexOf(": ") + 2));
      yield { event, data: JSON.parse(data) };
    }
  }
}

async function allEvents(response: Response) {
  const events: { event: string; data: Record<string, unknown> }[] = [];
  for await (const event of eventsOf(response)) events.push(event);
  return events;
}

async function until(isTrue: () => boolean): Promise<void> {
  for (let turns = 0; turns < 100_000; turns++) {
    if (isTrue()) return;
    await turn();
  }
  throw new Error("it never became true");
}

describe("a job", () => {
  test("is answered with its result, where the time went and what it amounts to", async () => {
    const { url } = await serve();
    const response = await ask(url, { prompt: "steps=2", seed: 5, num_images_per_prompt: 2, ...small });
    expect(response.status).toBe(200);
    expect(response.headers.get("server-timing")).toMatch(/^queue;dur=[\d.]+, load;dur=[\d.]+, inference;dur=[\d.]+$/);
    expect(response.headers.get("x-usage-units")).toBe("8192");
    expect(response.headers.get("x-job-id")).toMatch(/^[0-9a-f]{32}$/);
    expect(response.headers.get("server")).toBe("rivulet-runner/0.1.0");
    expect(await response.json()).toEqual({
      images: [
        { url: expect.stringMatching(/^data:image\/png;base64,/), seed: 5, nsfw: false },
        { url: expect.stringMatching(/^data:image\/png;base64,/), seed: 6, nsfw: false },
      ],
    });
  });

  test("is taken with a slash at the end, with lenient numbers, and with a seed of ours when it names none", async () => {
    const { url } = await serve();
    const response = await fetch(`${url}/text-to-image/`, {
      method: "POST",
      body: JSON.stringify({ prompt: "x", width: "64", height: 64.0, model_id: "fake/good" }),
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ images: [{ seed: expect.any(Number) }] });
  });

  test("goes to the first model of the pipeline when it names none, and to the one it names", async () => {
    const { url, runner } = await serve({ models: [fake("fake/good"), fake("fake/other")] });
    await ask(url, { prompt: "x", ...small });
    expect(runner.models.map(({ state }) => state)).toEqual(["ready", "cold"]);
    await ask(url, { prompt: "x", model_id: "fake/other", ...small });
    expect(runner.models.map(({ state }) => state)).toEqual(["ready", "ready"]);
  });

  test("is told step by step to a caller that asks for events", async () => {
    const { url } = await serve();
    const response = await ask(
      url,
      { prompt: "steps=2", seed: 5, num_inference_steps: 2, ...small },
      { accept: "text/event-stream" },
    );
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const events = await allEvents(response);
    expect(events.map(({ event }) => event)).toEqual(["queued", "loading", "started", "progress", "progress", "done"]);
    expect(events[0]?.data).toEqual({ position: 1 });
    expect(events[1]?.data).toEqual({ stage: "session", loaded: 1, total: 1 });
    expect(events[2]?.data).toEqual({ seed: 5, steps: 2 });
    expect(events[4]?.data).toEqual({ step: 2, of: 2, image: 0 });
    expect(events[5]?.data).toMatchObject({ images: [{ seed: 5 }] });
  });

  test("that fails after its first event is told so in the stream", async () => {
    const { url } = await serve();
    const response = await ask(url, { prompt: "fail", ...small }, { accept: "text/event-stream" });
    const events = await allEvents(response);
    expect(events.at(-1)).toEqual({
      event: "error",
      data: {
        status: 500,
        detail: { msg: expect.any(String), code: "internal", retryable: true },
        error: expect.objectContaining({ code: "runner.failed" }),
      },
    });
  });

  test("can be cancelled by the name its caller gave it", async () => {
    const { url } = await serve();
    const response = await ask(
      url,
      { prompt: "wait", ...small },
      { accept: "text/event-stream", "x-job-id": "my-job-1" },
    );
    expect(response.headers.get("x-job-id")).toBe("my-job-1");
    const seen: string[] = [];
    for await (const { event, data } of eventsOf(response)) {
      seen.push(event);
      if (event === "started") expect((await fetch(`${url}/jobs/my-job-1`, { method: "DELETE" })).status).toBe(204);
      if (event === "error") expect(data).toMatchObject({ status: 499, detail: { code: "cancelled" } });
    }
    expect(seen).toContain("error");
    expect((await fetch(`${url}/jobs/my-job-1`, { method: "DELETE" })).status).toBe(404);
  });

  test("stops when its caller goes away, and frees the slot", async () => {
    const { url, runner } = await serve();
    const caller = new AbortController();
    const going = ask(url, { prompt: "wait", ...small }, {}, caller.signal);
    going.catch(() => {});
    await until(() => runner.models[0]?.running === 1);
    caller.abort();
    await until(() => runner.models[0]?.running === 0);
    expect((await ask(url, { prompt: "x", ...small })).status).toBe(200);
    expect(runner.metrics.text(runner.models)).toContain(
      'runner_jobs_total{pipeline="text-to-image",model="fake/good",status="request.cancelled"} 1',
    );
  });
});

describe("a request is refused", () => {
  test.each([
    [
      "without a prompt",
      {},
      422,
      "request.invalid",
      [{ loc: ["body", "prompt"], msg: expect.any(String), type: "missing" }],
    ],
    ["with null", { prompt: null }, 422, "request.invalid", [expect.objectContaining({ loc: ["body", "prompt"] })]],
    ["that is no JSON", "{", 422, "request.invalid", [{ loc: ["body"], msg: "must be JSON", type: "json_invalid" }]],
    ["that is empty", "", 422, "request.invalid", [{ loc: ["body"], msg: "must be JSON", type: "json_invalid" }]],
    [
      "for another model",
      { prompt: "x", model_id: "fake/other" },
      400,
      "model.unknown",
      {
        msg: "pipeline configured with fake/good but called with fake/other.",
        code: "invalid_request",
        retryable: false,
      },
    ],
    [
      "by the model",
      { prompt: "refuse", ...small },
      400,
      "request.rejected-by-model",
      { msg: expect.stringContaining("multiples of 64"), code: "unsupported_by_model", retryable: false },
    ],
    [
      "when it fails in the model",
      { prompt: "fail", ...small },
      500,
      "runner.failed",
      { msg: expect.any(String), code: "internal", retryable: true },
    ],
    [
      "when it is too large",
      { prompt: "x".repeat(17 * 1024 * 1024) },
      413,
      "request.too-large",
      { msg: "File size exceeds limit.", code: "payload_too_large", retryable: false },
    ],
  ])("%s", async (_what, body, status, code, detail) => {
    const { url } = await serve();
    const response = await ask(url, body);
    expect(response.status).toBe(status);
    expect(response.headers.get("x-rivulet-code")).toBe(code);
    expect(await response.json()).toEqual({ detail, error: expect.objectContaining({ code }) });
  });

  test("without the right token, before its body is read; questions are answered to everybody", async () => {
    const { url } = await serve({ authToken: "s3cret" });
    for (const headers of [{}, { authorization: "Bearer wrong" }, { authorization: "Basic s3cret" }]) {
      const refused = await ask(url, "{", headers as Record<string, string>);
      expect(refused.status).toBe(401);
      expect(refused.headers.get("www-authenticate")).toBe("Bearer");
      expect(await refused.json()).toMatchObject({ detail: { msg: "Invalid bearer token.", code: "unauthorized" } });
    }
    expect((await ask(url, { prompt: "x", ...small }, { authorization: "bearer s3cret" })).status).toBe(200);
    expect((await fetch(`${url}/jobs/x`, { method: "DELETE" })).status).toBe(401);
    for (const path of [
      "/health",
      "/hardware/info",
      "/hardware/stats",
      "/version",
      "/metrics",
      "/openapi.json",
      "/docs",
    ])
      expect((await fetch(url + path)).status).toBe(200);
  });

  test("at an unknown path and with a wrong method, in the published words", async () => {
    const { url } = await serve();
    const unknown = await fetch(`${url}/upscale`, { method: "POST", body: "{}" });
    expect([unknown.status, await unknown.json()]).toEqual([404, { detail: "Not Found" }]);
    const wrong = await fetch(`${url}/text-to-image`);
    expect([wrong.status, await wrong.json()]).toEqual([405, { detail: "Method Not Allowed" }]);
  });

  test("when the slot is taken and the queue is full, and told to come again", async () => {
    const { url, runner } = await serve({ queueLimit: 1 });
    await ask(url, { prompt: "x", ...small });
    const caller = new AbortController();
    const running = ask(url, { prompt: "wait", ...small }, {}, caller.signal);
    running.catch(() => {});
    await until(() => runner.models[0]?.running === 1);
    const waiting = ask(url, { prompt: "x", ...small });
    await until(() => runner.models[0]?.waiting === 1);
    const refused = await ask(url, { prompt: "x", ...small });
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await refused.json()).toMatchObject({ detail: { code: "busy", retryable: true } });
    caller.abort();
    expect((await waiting).status).toBe(200);
  });

  test("towards a published worker only with statuses it knows", async () => {
    const { url, runner } = await serve({ queueLimit: 1, peer: "published-worker" });
    expect((await ask(url, { prompt: "x".repeat(17 * 1024 * 1024) })).status).toBe(400);
    const jobs = [1, 2, 3].map(() => ask(url, { prompt: "steps=3", ...small }));
    const statuses = (await Promise.all(jobs)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([200, 500]));
    expect(runner.models[0]?.waiting).toBe(0);
  });
});

describe("a form with a file", () => {
  const upscaler = { ...fake("fake/good"), pipeline: "upscale" } as const;
  const send = (url: string, form: FormData) => fetch(`${url}/upscale`, { method: "POST", body: form });
  const formOf = (fields: Record<string, string | Blob>) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields))
      typeof value === "string" ? form.set(name, value) : form.set(name, value, "file");
    return form;
  };

  test("is checked: its fields, that the file is there, and that it is a picture", async () => {
    const { url } = await serve({ models: [upscaler] });
    const missing = await send(url, formOf({ prompt: "x" }));
    expect([missing.status, await missing.json()]).toEqual([
      422,
      {
        detail: [expect.objectContaining({ loc: ["body", "image"] })],
        error: expect.objectContaining({ code: "request.invalid" }),
      },
    ]);
    const empty = await send(url, formOf({ prompt: "", image: new Blob(["x"]) }));
    expect([empty.status, await empty.json()]).toEqual([
      422,
      {
        detail: [expect.objectContaining({ loc: ["body", "prompt"], type: "missing" })],
        error: expect.objectContaining({ code: "request.invalid" }),
      },
    ]);
    const noPicture = await send(url, formOf({ prompt: "x", image: new Blob(["no picture"]) }));
    expect(noPicture.headers.get("x-rivulet-code")).toBe("request.media-unsupported");
  });

  test("may hold 50 MiB and not a byte more", async () => {
    const { url } = await serve({ models: [upscaler] });
    const large = await send(url, formOf({ prompt: "x", image: new Blob([Buffer.alloc(52_428_801)]) }));
    expect([large.status, await large.json()]).toMatchObject([413, { detail: { code: "payload_too_large" } }]);
  });

  test.each([
    [
      "names a field twice",
      '--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n2\r\n--b--\r\n',
    ],
    ["ends in the middle", '--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n1'],
    ["is no form", "nothing of the kind"],
    [
      "has too many parts",
      `${Array.from({ length: 50 }, (_, i) => `--b\r\ncontent-disposition: form-data; name="a${i}"\r\n\r\n1\r\n`).join("")}--b--\r\n`,
    ],
  ])("that %s is refused", async (_what, body) => {
    const { url } = await serve({ models: [upscaler] });
    const headers = { "content-type": "multipart/form-data; boundary=b" };
    const response = await fetch(`${url}/upscale`, { method: "POST", headers, body });
    expect([400, 422]).toContain(response.status);
  });
});

describe("health", () => {
  test("goes from loading to ok, and tells every model", async () => {
    const { url, runner } = await serve({ models: [fake("fake/good", { warm: true }), fake("fake/cold")] });
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: expect.stringMatching(/LOADING|OK/) });
    await until(() => runner.models[0]?.state === "ready");
    expect(await (await fetch(`${url}/health`)).json()).toEqual({
      status: "OK",
      models: [
        expect.objectContaining({
          pipeline: "text-to-image",
          model_id: "fake/good",
          warm: true,
          slots: 1,
          free: 1,
          state: "ready",
        }),
        expect.objectContaining({ model_id: "fake/cold", warm: false, state: "cold" }),
      ],
    });
  });

  test("stays ok when a model that should be warm cannot be loaded and others can", async () => {
    const { url, runner } = await serve({ models: [fake("fake/rubbish", { warm: true }), fake("fake/good")] });
    await until(() => runner.models[0]?.state === "failed");
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: "OK" });
  });

  test("is an error, with the reason, when no model can be loaded", async () => {
    const { url, runner } = await serve({ models: [fake("fake/rubbish", { warm: true })] });
    await until(() => runner.models[0]?.state === "failed");
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({
      status: "ERROR",
      detail: expect.stringContaining("its first result is not usable"),
      models: [{ state: "failed", warm: false }],
    });
  });

  test("answers while a model holds its thread", async () => {
    const { url, runner } = await serve({ launcher: inProcess });
    await ask(url, { prompt: "x", ...small });
    const working = ask(url, { prompt: "steps=1 block=1500", ...small });
    await until(() => runner.models[0]?.running === 1);
    const health = fetch(`${url}/health`).then((answer) => answer.json());
    expect(await Promise.race([health, working.then(() => "the job was first")])).toMatchObject({
      status: "OK",
      models: [{ free: 0, warm: true }],
    });
    expect((await working).status).toBe(200);
  });
});

describe("what a runner tells about itself", () => {
  test("has the published form", async () => {
    const { url } = await serve();
    const json = async (path: string) => (await fetch(url + path)).json();
    const served = { pipeline: "text-to-image", model_id: "fake/good" };
    expect(await json("/version")).toEqual({ ...served, version: "0.14.1" });
    expect(await json("/hardware/info")).toEqual({ ...served, gpu_info: {} });
    expect(await json("/hardware/stats")).toEqual({ ...served, gpu_stats: {} });
    expect(await json("/openapi.json")).toMatchObject({ openapi: "3.1.0", info: { title: "Livepeer AI Runner" } });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain('version{app="ai-runner",version="0.14.1"} 1');
    expect(metrics).toContain('runner_ready_models{pipeline="text-to-image",model="fake/good"} 0');
  });

  test("counts what happens under names that end in their unit", async () => {
    const { url } = await serve();
    await ask(url, { prompt: "x", ...small });
    const lines = (await (await fetch(`${url}/metrics`)).text()).trim().split("\n");
    const names = lines.flatMap((line) => (line.startsWith("# TYPE ") ? [line.split(" ")[2] ?? ""] : []));
    expect(names[0]).toBe("version"); // as peers know it
    for (const name of names.slice(1)) expect(name).toMatch(UNITS);
    expect(lines).toContain('runner_jobs_total{pipeline="text-to-image",model="fake/good",status="ok"} 1');
    expect(lines).toContain('runner_work_pixels_total{pipeline="text-to-image",model="fake/good"} 4096');
  });
});

test("a port that is taken is told as such", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => taken.once("listening", resolve));
  const address = taken.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await expect(serve({ port })).rejects.toMatchObject({ code: "node.cannot-start" });
  taken.close();
});

test("stopping answers those who wait, and leaves no connection", async () => {
  const { url, runner, server } = await serve({ timeoutLoad: seconds(5) });
  const working = ask(url, { prompt: "wait", ...small });
  await until(() => runner.models[0]?.running === 1);
  await Promise.all([server.stop(), runner.stop()]);
  const answer = await working;
  expect([answer.status, answer.headers.get("x-rivulet-code")]).toEqual([503, "node.stopping"]);
  const refused = new Promise((resolve) => httpRequest(url).once("error", resolve).end());
  expect(await refused).toMatchObject({ code: "ECONNREFUSED" });
});
