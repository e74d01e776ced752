import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeMp4, encodePng, toDataUrl } from "@rivulet/media";
import { batchPipelines, type Pipeline } from "@rivulet/pipelines";
import {
  type ErrorCode,
  errorBody,
  httpOf,
  minutes,
  ms,
  RivuletError,
  seconds,
  silentLogger,
} from "@rivulet/primitives";
import { type FakeJob, type FakeModel, FakeOrchestrator, seededRandomness, TestClock, turn } from "@rivulet/testkit";
import { decodeSegmentCredentials } from "@rivulet/wire";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Gateway } from "./gateway.ts";
import type { JobRecord } from "./job-story.ts";
import type { GatewayOptions } from "./options.ts";

const MODEL = "any/model";
const picturing: FakeModel = { capability: 27, model: MODEL };
const defaults = {
  "text-to-image": { model: MODEL, fields: { width: 64, height: 64, num_inference_steps: 2 } },
  "image-to-image": { model: MODEL },
  llm: { model: MODEL },
};

let clock: TestClock;
let stories: JobRecord[];
let errors: string[];
let started: { stop(): Promise<void> }[];

beforeEach(() => {
  clock = new TestClock();
  stories = [];
  errors = [];
  started = [];
});

afterEach(async () => {
  await Promise.all(started.map((each) => each.stop()));
  expect(errors).toEqual([]);
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn();
}

async function orchestrator(models: readonly FakeModel[] = [picturing]): Promise<FakeOrchestrator> {
  const made = new FakeOrchestrator({ models, now: () => clock.now() });
  await made.start();
  started.push(made);
  made.onJob = answerWithPictures;
  return made;
}

async function gateway(
  orchestrators: readonly FakeOrchestrator[],
  options: Partial<GatewayOptions> = {},
): Promise<Gateway> {
  const made = new Gateway(
    {
      listen: { host: "127.0.0.1", port: 0 },
      orchestrators: { kind: "list", addresses: orchestrators.map(({ uri }) => uri) },
      defaults,
      stopGrace: ms(1),
      ...options,
    },
    {
      clock,
      randomness: seededRandomness(7),
      log: { ...silentLogger, error: (event) => errors.push(event) },
      onJob: (story) => stories.push(story),
    },
  );
  await made.start();
  started.push({
    stop: async () => {
      const stopped = made.stop();
      await turn();
      await clock.advance(seconds(1));
      await stopped;
    },
  });
  await until(() => made.network.orchestrators.length === orchestrators.length);
  return made;
}

function post(to: Gateway, body: unknown = { prompt: "x" }, init: RequestInit = {}, path = "/text-to-image") {
  return fetch(`${to.address.url}${path}`, {
    method: "POST",
    body: JSON.stringify(body),
    ...init,
    headers: { "content-type": "application/json", ...init.headers },
  });
}

async function codeOf(response: Response): Promise<ErrorCode> {
  const body = (await response.json()) as { error: { code: ErrorCode } };
  return body.error.code;
}

interface Asked {
  readonly width: number;
  readonly height: number;
  readonly seed: number;
  readonly num_images_per_prompt: number;
}

const askedIn = ({ body }: FakeJob) => JSON.parse(body.toString()) as Asked;

async function picture(width = 64, height = 64): Promise<Uint8Array> {
  return encodePng({ width, height, data: new Uint8Array(width * height * 3).fill(128) });
}

/** A second of silence. */
function silence(rate: number): Uint8Array {
  const bytes = Buffer.alloc(44 + rate);
  bytes.write("RIFF", 0);
  bytes.write("WAVEfmt ", 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt32LE(rate, 28);
  bytes.writeUInt16LE(1, 32);
  bytes.writeUInt16LE(8, 34);
  bytes.write("data", 36);
  bytes.writeUInt32LE(rate, 40);
  return bytes;
}

async function answerWithPictures(job: FakeJob): Promise<void> {
  const { width, height, seed, num_images_per_prompt: count } = askedIn(job);
  const url = toDataUrl("image/png", await picture(width, height));
  const images = Array.from({ length: count }, (_, index) => ({ url, seed: seed + index, nsfw: false }));
  answer(job, { images });
}

function answer({ response }: FakeJob, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(200, { "content-type": "application/json", ...headers });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
}

function refuse({ response }: FakeJob, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain" });
  response.end(`${text}\n`);
}

/** As one of our own orchestrators does. */
function tell({ response }: FakeJob, error: RivuletError): void {
  response.writeHead(500, { "content-type": "application/json" });
  response.end(JSON.stringify(errorBody(error)));
}

const standings = (of: Gateway) => of.network.orchestrators.flatMap(({ models }) => models);

describe("a picture", () => {
  test("is asked for with everything resolved and comes back as an address that works", async () => {
    const peer = await orchestrator();
    const to = await gateway([peer]);
    const response = await post(to, { prompt: "a circle", num_images_per_prompt: 2 });
    expect(response.status).toBe(200);

    const { images } = (await response.json()) as { images: { url: string; seed: number; nsfw: boolean }[] };
    const [sent] = peer.jobs;
    const asked = sent === undefined ? undefined : (JSON.parse(sent.body.toString()) as Record<string, unknown>);
    expect(asked).toMatchObject({
      prompt: "a circle",
      model_id: MODEL,
      width: 64,
      height: 64,
      num_inference_steps: 2,
      guidance_scale: 7.5,
      seed: images[0]?.seed,
    });
    expect(images[1]?.seed).toBe((images[0]?.seed ?? 0) + 1);
    expect(sent?.headers).toMatchObject({ authorization: "Livepeer-AI-Worker-1.0", "livepeer-payment": "" });
    const credentials = decodeSegmentCredentials(String(sent?.headers["livepeer-segment"]));
    expect(credentials.manifestId).toBe(`27_${MODEL}`);
    expect(Buffer.from(credentials.authToken?.token ?? []).toString()).toBe("token 1");

    expect(response.headers.get("x-orchestrator")).toBe(peer.uri);
    expect(response.headers.get("x-units")).toBe(String(64 * 64 * 2));
    expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f]{32}$/);
    for (const { url } of images) {
      expect(url.startsWith(`${to.address.url}/stream/`)).toBe(true);
      const file = await fetch(url);
      expect(file.headers.get("content-type")).toBe("image/png");
      expect(Buffer.from(await file.arrayBuffer())).toEqual(Buffer.from(await picture()));
    }
  });

  test("comes as data when the application asks for it, by field or by header", async () => {
    const peer = await orchestrator();
    const to = await gateway([peer]);
    const byField = await post(to, { prompt: "x", response_format: "b64_json" });
    const byHeader = await post(to, { prompt: "x" }, { headers: { prefer: "media=data" } });
    for (const response of [byField, byHeader]) {
      const { images } = (await response.json()) as { images: { url: string }[] };
      expect(images[0]?.url).toMatch(/^data:image\/png;base64,/);
    }
    expect((await post(to, { prompt: "x", response_format: "gif" })).status).toBe(422);
  });

  test("is fetched from the orchestrator when it answers an address", async () => {
    const peer = await orchestrator();
    peer.files.set("/stream/abc/1.png", await picture());
    peer.onJob = async (job) => {
      await clock.advance(ms(400));
      const images = [{ url: `${peer.uri}/stream/abc/1.png`, seed: askedIn(job).seed, nsfw: false }];
      answer(job, { images }, { "server-timing": "queue;dur=1, load;dur=20, inference;dur=300" });
    };
    const to = await gateway([peer]);
    const response = await post(to);
    expect(response.status).toBe(200);
    expect(response.headers.get("server-timing")).toBe(
      "selection;dur=0, queue;dur=1, load;dur=20, inference;dur=300, transfer;dur=79",
    );
  });

  test("is told with the times that the orchestrator claims, as far as there was time for them", async () => {
    const peer = await orchestrator();
    peer.onJob = async (job) => {
      await clock.advance(ms(50));
      const url = toDataUrl("image/png", await picture());
      const images = [{ url, seed: askedIn(job).seed, nsfw: false }];
      answer(job, { images }, { "server-timing": "queue;dur=20, load;dur=999999999, inference;dur=300" });
    };
    const response = await post(await gateway([peer]));
    expect(response.headers.get("server-timing")).toBe(
      "selection;dur=0, queue;dur=20, load;dur=30, inference;dur=0, transfer;dur=0",
    );
  });

  test("has an address for a caller behind a proxy, and a configured one before that", async () => {
    const peer = await orchestrator();
    const behind = await gateway([peer]);
    const urlOf = async (response: Response) =>
      ((await response.json()) as { images: { url: string }[] }).images[0]?.url;
    const headers = { "x-forwarded-host": "ai.example.org", "x-forwarded-proto": "https" };
    expect(await urlOf(await post(behind, undefined, { headers }))).toMatch(/^https:\/\/ai\.example\.org\/stream\//);
    const configured = await gateway([peer], { publicUrl: "https://cdn.example.org/ai/" });
    expect(await urlOf(await post(configured))).toMatch(/^https:\/\/cdn\.example\.org\/ai\/stream\//);
  });
});

describe("a request that cannot be served as it is", () => {
  const png = async () => new Blob([Buffer.from(await picture())]);

  test("is answered before any orchestrator hears of it, and costs none its reputation", async () => {
    const peer = await orchestrator([picturing, { capability: 28, model: MODEL }]);
    const to = await gateway([peer], { maxJsonBytes: 1000, maxFormBytes: 10_000 });
    const form = async (...entries: [string, string | Blob][]) => {
      const data = new FormData();
      for (const [name, value] of entries) data.append(name, value);
      return fetch(`${to.address.url}/image-to-image`, { method: "POST", body: data });
    };
    const truncated = (body: string) =>
      fetch(`${to.address.url}/image-to-image`, {
        method: "POST",
        body,
        headers: { "content-type": "multipart/form-data; boundary=b" },
      });
    const cases: [string, Promise<Response>, number, ErrorCode][] = [
      ["not JSON", post(to, undefined, { body: "{" }), 400, "request.malformed"],
      ["no object", post(to, 5), 422, "request.invalid"],
      ["no prompt", post(to, {}), 422, "request.invalid"],
      ["wrong field", post(to, { prompt: "x", width: 65 }), 422, "request.invalid"],
      ["too large", post(to, { prompt: "x".repeat(2000) }), 413, "request.too-large"],
      ["no model", post(to, { prompt: "x", model_id: "no/model" }), 404, "model.not-offered"],
      ["no boundary", post(to, {}, {}, "/image-to-image"), 400, "request.malformed"],
      ["no file", form(["prompt", "x"]), 422, "request.invalid"],
      ["no picture", form(["prompt", "x"], ["image", new Blob(["hello"])]), 415, "request.media-unsupported"],
      ["half a header", form(["prompt", "x"], ["image", (await png()).slice(0, 18)]), 400, "request.media-undecodable"],
      ["two pictures", form(["prompt", "x"], ["image", await png()], ["image", await png()]), 400, "request.malformed"],
      ["a large form", form(["prompt", "x"], ["image", new Blob(["x".repeat(20_000)])]), 413, "request.too-large"],
      [
        "a body that ends early",
        truncated('--b\r\ncontent-disposition: form-data; name="x"\r\n\r\n'),
        400,
        "request.malformed",
      ],
      ["no such address", post(to, {}, {}, "/text-to-music"), 404, "request.not-found"],
      ["wrong method", fetch(`${to.address.url}/text-to-image`), 405, "request.method-not-allowed"],
    ];
    for (const [name, asked, status, code] of cases) {
      const response = await asked;
      expect([name, response.status, await codeOf(response)]).toEqual([name, status, code]);
    }
    expect(peer.jobs).toEqual([]);
    for (const { suspension, state } of standings(to)) expect([suspension, state]).toEqual([null, "free"]);
  });

  test("learns the field, the models there are, and the methods that are allowed", async () => {
    const to = await gateway([await orchestrator()]);
    const invalid = (await (await post(to, { prompt: "x", width: "wide" })).json()) as { detail: { loc: string[] }[] };
    expect(invalid.detail.map(({ loc }) => loc)).toEqual([["body", "width"]]);
    const absent = (await (await post(to, { prompt: "x", model_id: "no/model" })).json()) as {
      error: { facts: unknown };
    };
    expect(absent.error.facts).toMatchObject({ model: "no/model", offered: [MODEL] });
    expect((await fetch(`${to.address.url}/text-to-image`)).headers.get("allow")).toBe("POST");
  });

  test("is refused while it is still being sent when it turns out too large", async () => {
    const to = await gateway([], { maxJsonBytes: 1000 });
    const socket = connect(to.address.port, "127.0.0.1");
    socket.write("POST /text-to-image HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
    socket.write(`7d0\r\n${"x".repeat(2000)}\r\n`);
    const [first] = await new Promise<Buffer[]>((resolve) => socket.once("data", (chunk) => resolve([chunk])));
    expect(first?.toString()).toMatch(/^HTTP\/1\.1 413 /);
    socket.destroy();
  });

  test("is told to come back while others fill the memory that bodies may take", async () => {
    const peer = await orchestrator();
    const to = await gateway([peer], { maxBodiesBytes: 30 });
    peer.onJob = () => {};
    const arrival = peer.nextJob();
    const caller = new AbortController();
    const first = post(to, undefined, { signal: caller.signal }).catch(() => {});
    await arrival;
    const second = await post(to, { prompt: "twenty more bytes" });
    expect([second.status, await codeOf(second), second.headers.get("retry-after")]).toEqual([
      503,
      "node.overloaded",
      "1",
    ]);
    caller.abort();
    await first;
  });

  test("is told to come back when nobody is known", async () => {
    const to = await gateway([]);
    const response = await post(to);
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
    expect(await codeOf(response)).toBe("network.no-orchestrators");
    expect((await fetch(`${to.address.url}/readyz`)).status).toBe(503);
  });

  test("fails with the model's own words when the model cannot do it, and nobody is blamed", async () => {
    const peer = await orchestrator();
    const to = await gateway([peer]);
    peer.onJob = (job) => refuse(job, 500, "text-to-image container returned 400: too many words");
    const response = await post(to);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { code: "request.rejected-by-model", facts: { reason: "too many words" } },
    });
    expect(standings(to)).toMatchObject([{ suspension: null }]);
  });

  test.each([
    new RivuletError("request.rejected-by-model", { field: "loras", reason: "none here" }),
    new RivuletError("request.rejected-by-model", { reason: "none here" }),
    new RivuletError("request.invalid", { problems: [{ loc: ["body", "prompt"], msg: "too long", type: "x" }] }),
    new RivuletError("request.media-undecodable", { field: "image", reason: "cut short" }),
    new RivuletError("request.media-unsupported", { field: "image", reason: "a TIFF" }),
    new RivuletError("request.too-large", { limitBytes: 7, field: "image" }),
  ])("fails with exactly what a runner of ours said of the request, and nobody is blamed: %s", async (error) => {
    const peer = await orchestrator();
    const to = await gateway([peer]);
    peer.onJob = (job) => tell(job, error);
    const response = await post(to);
    expect([response.status, await response.json()]).toEqual([
      httpOf(error),
      JSON.parse(JSON.stringify(errorBody(error))),
    ]);
    expect(standings(to)).toMatchObject([{ suspension: null }]);
    expect(peer.jobs.map(({ headers }) => headers["x-rivulet"])).toEqual(["0.0.0"]);
  });

  test("is tried elsewhere when a peer tells what is nobody's business but its own", async () => {
    for (const error of [
      new RivuletError("auth.rejected", {}),
      new RivuletError("model.unknown", { pipeline: "llm", model: "x", offered: [] }),
      new RivuletError("request.not-found", {}),
      new RivuletError("signer.rejected", {}),
    ]) {
      const peer = await orchestrator();
      const to = await gateway([peer]);
      peer.onJob = (job) => tell(job, error);
      const response = await post(to);
      expect([response.status, await codeOf(response)]).toEqual([502, "peer.failed"]);
    }
  });
});

describe("a job whose caller does not wait", () => {
  const filming: FakeModel = { capability: 29, model: MODEL };

  async function ask(to: Gateway, headers: Record<string, string> = { prefer: "respond-async" }) {
    const form = new FormData();
    form.append("image", new Blob([Buffer.from(await picture())]));
    for (const [name, value] of Object.entries({ model_id: MODEL, width: 64, height: 64, seed: 5 }))
      form.append(name, String(value));
    return fetch(`${to.address.url}/image-to-video`, { method: "POST", body: form, headers });
  }

  async function outcome(to: Gateway, request_id: unknown) {
    const response = await post(to, { request_id }, {}, "/image-to-video/result");
    return { status: response.status, headers: response.headers, body: (await response.json()) as Outcome };
  }

  interface Outcome {
    readonly status?: string;
    readonly result?: {
      readonly images?: readonly { readonly url: string }[];
      readonly error?: { readonly code: string };
    };
    readonly error?: { readonly code: string };
  }

  async function named(response: Response): Promise<string> {
    expect([response.status, response.headers.get("preference-applied")]).toEqual([202, "respond-async"]);
    const { request_id: id } = (await response.json()) as { request_id: string };
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    return id;
  }

  test("is named at once, under way until it is done, and then its result, as long as files are kept", async () => {
    const peer = await orchestrator([filming]);
    const to = await gateway([peer]);
    const { signal } = new AbortController();
    const film = toDataUrl("video/mp4", await encodeMp4({ frames: [await picture()], framesPerSecond: 6, signal }));
    const { promise: filmed, resolve: finish } = Promise.withResolvers<void>();
    peer.onJob = async (job) => {
      await filmed;
      answer(job, { images: [{ url: film, seed: 5, nsfw: false }] });
    };
    const id = await named(await ask(to));
    expect(await outcome(to, id)).toMatchObject({ status: 202, body: { status: "processing" } });
    finish();
    let done = await outcome(to, id);
    while (done.status === 202) done = await outcome(to, id);
    expect(done).toMatchObject({ status: 200, body: { status: "complete", result: { images: [{ seed: 5 }] } } });
    expect(done.headers.get("x-orchestrator")).toBe(peer.uri);
    const file = await fetch(done.body.result?.images?.[0]?.url ?? "");
    expect([file.status, file.headers.get("content-type")]).toEqual([200, "video/mp4"]);
    await clock.advance(minutes(11));
    expect((await outcome(to, id)).status).toBe(400);
  });

  test("ends with the error that its caller would have been told", async () => {
    const peer = await orchestrator([filming]);
    const to = await gateway([peer]);
    peer.onJob = (job) => tell(job, new RivuletError("request.rejected-by-model", { field: "width", reason: "no" }));
    const id = await named(await ask(to, { prefer: "media=data, respond-async; wait=1" }));
    let done = await outcome(to, id);
    while (done.status === 202) done = await outcome(to, id);
    expect(done).toMatchObject({ status: 200, body: { result: { error: { code: "request.rejected-by-model" } } } });
  });

  test("is refused at once for what is wrong with it, and nobody's name names nothing", async () => {
    const to = await gateway([await orchestrator([filming])]);
    const wrong = await fetch(`${to.address.url}/image-to-video`, {
      method: "POST",
      body: new FormData(),
      headers: { prefer: "respond-async" },
    });
    expect(wrong.status).toBe(422);
    for (const id of ["0".repeat(32), "", 7, undefined])
      expect(await outcome(to, id)).toMatchObject({ status: 400, body: { error: { code: "request.malformed" } } });
  });

  test("is aborted when the gateway stops", async () => {
    const peer = await orchestrator([filming]);
    const to = await gateway([peer]);
    let hasLeft: boolean | undefined;
    peer.onJob = ({ response }) => {
      hasLeft = false;
      response.once("close", () => {
        hasLeft = true;
      });
    };
    await named(await ask(to));
    await until(() => hasLeft === false);
    const stopped = to.stop();
    await turn();
    await clock.advance(seconds(1));
    await stopped;
    await until(() => hasLeft === true);
  });
});

describe("a script on a page", () => {
  const from = (origin: string, init: RequestInit = {}) => ({ ...init, headers: { ...init.headers, origin } });
  const job = {
    method: "POST",
    body: JSON.stringify({ prompt: "x" }),
    headers: { "content-type": "application/json" },
  };
  const asking = { method: "OPTIONS", headers: { "access-control-request-method": "POST" } };

  test("of this machine is told that it may ask, without a key, and what it may read of the answer", async () => {
    const to = await gateway([await orchestrator()]);
    const url = `${to.address.url}/text-to-image`;
    const permission = await fetch(url, from("http://localhost:3000", asking));
    expect(permission.status).toBe(204);
    expect(Object.fromEntries(permission.headers)).toMatchObject({
      "access-control-allow-origin": "http://localhost:3000",
      "access-control-allow-methods": "POST",
      "access-control-allow-headers": expect.stringContaining("content-type"),
      vary: "origin",
    });
    const response = await fetch(url, from("http://localhost:3000", job));
    expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([
      200,
      "http://localhost:3000",
    ]);
    expect(response.headers.get("access-control-expose-headers")).toContain("x-orchestrator");
  });

  test("of anywhere else gets no work done, unless it is allowed, is the gateway's own, or shows a key", async () => {
    const peer = await orchestrator();
    const open = await gateway([peer]);
    const url = `${open.address.url}/text-to-image`;
    const permission = await fetch(url, from("https://evil.example", asking));
    expect([permission.status, permission.headers.get("access-control-allow-origin")]).toEqual([204, null]);
    const refused = await fetch(url, from("https://evil.example", job));
    expect([refused.status, refused.headers.get("access-control-allow-origin"), await codeOf(refused)]).toEqual([
      403,
      null,
      "request.origin-refused",
    ]);
    expect((await fetch(url, from("null", job))).status).toBe(403);
    expect((await fetch(url, from(open.address.url, job))).status).toBe(200);
    const allowing = await gateway([peer], { allowedOrigins: ["https://evil.example"] });
    const allowed = await fetch(`${allowing.address.url}/text-to-image`, from("https://evil.example", job));
    expect(allowed.status).toBe(200);
    expect(peer.jobs).toHaveLength(2);
  });

  test("under a name that was made to lead here is one of anywhere else, unless the gateway bears that name", async () => {
    const name = "http://evil.example:9935";
    const asked = (to: Gateway) =>
      fetch(
        `${to.address.url}/text-to-image`,
        from(name, {
          ...job,
          headers: { ...job.headers, host: "evil.example:9935", "x-forwarded-host": "evil.example:9935" },
        }),
      );
    const peer = await orchestrator();
    expect((await asked(await gateway([peer]))).status).toBe(403);
    expect((await asked(await gateway([peer], { publicUrl: `${name}/` }))).status).toBe(200);
  });

  test("reads why it was refused, when it is one that may ask", async () => {
    const to = await gateway([await orchestrator()], { allowedOrigins: ["*"] });
    const response = await fetch(`${to.address.url}/text-to-image`, from("https://app.example", { ...job, body: "{" }));
    expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([
      400,
      "https://app.example",
    ]);
  });
});

describe("a model nobody offers", () => {
  const formOf = (pipeline: Pipeline, file: Uint8Array) => {
    const form = new FormData();
    for (const field of Object.keys(pipeline.media)) form.append(field, new Blob([Buffer.from(file)]));
    for (const [name, value] of Object.entries(pipeline.example)) form.append(name, String(value));
    form.append(pipeline.modelField, "no/model");
    return form;
  };

  test.each(batchPipelines.map((pipeline) => [pipeline.name, pipeline] as const))(
    "is told as such in JSON: %s",
    async (name, pipeline) => {
      const { capability } = pipeline;
      const id = capability.kind === "network" ? capability.id : -1;
      const peer = await orchestrator([{ capability: id, model: MODEL }]);
      const to = await gateway([peer]);
      const file = Object.values(pipeline.media).includes("audio") ? silence(16_000) : await picture();
      const isForm = Object.keys(pipeline.media).length > 0;
      const response = await fetch(`${to.address.url}/${name}`, {
        method: "POST",
        body: isForm
          ? formOf(pipeline, file)
          : JSON.stringify({ ...pipeline.example, [pipeline.modelField]: "no/model" }),
        ...(!isForm && { headers: { "content-type": "application/json" } }),
      });
      expect([response.status, response.headers.get("content-type")]).toEqual([404, "application/json"]);
      expect(await response.json()).toMatchObject({
        error: {
          code: "model.not-offered",
          retryable: false,
          facts: { pipeline: name, model: "no/model", offered: [MODEL] },
        },
        detail: { msg: expect.stringContaining("no/model") },
      });
      expect(peer.jobs).toEqual([]);
    },
  );
});

describe("a peer that fails", () => {
  async function pair(options: Partial<GatewayOptions> = {}) {
    const [bad, good] = [await orchestrator(), await orchestrator([{ ...picturing, isWarm: false }])];
    return { bad, good, to: await gateway([bad, good], options) };
  }

  const failures: Record<string, [(job: FakeJob) => void | Promise<void>, ErrorCode]> = {
    "says it failed": [(job) => refuse(job, 500, "boom"), "peer.failed"],
    "says its runner crashed": [(job) => tell(job, new RivuletError("runner.crashed", {})), "runner.crashed"],
    "breaks the connection": [({ response }) => void response.socket?.destroy(), "peer.unreachable"],
    "answers nothing": [({ response }) => void response.writeHead(200).end(), "peer.protocol"],
    "answers rubbish": [(job) => answer(job, "<html>"), "peer.protocol"],
    "answers other fields": [(job) => answer(job, { pictures: [] }), "peer.bad-result"],
    "answers too few pictures": [(job) => answer(job, { images: [] }), "peer.bad-result"],
    "answers another seed": [
      async (job) => answer(job, { images: [{ url: toDataUrl("image/png", await picture()), seed: 0, nsfw: false }] }),
      "peer.bad-result",
    ],
    "answers another size": [
      async (job) => {
        const url = toDataUrl("image/png", await picture(32, 64));
        answer(job, { images: [{ url, seed: askedIn(job).seed, nsfw: false }] });
      },
      "peer.bad-result",
    ],
    "answers half a picture": [
      async (job) => {
        const url = toDataUrl("image/png", (await picture()).subarray(0, 100));
        answer(job, { images: [{ url, seed: askedIn(job).seed, nsfw: false }] });
      },
      "peer.bad-result",
    ],
    "answers far more than a small picture can be": [
      async (job) => {
        const url = toDataUrl("image/png", await picture());
        const images = [{ url, seed: askedIn(job).seed, nsfw: false }];
        answer(job, { images, padding: "x".repeat(3_000_000) });
      },
      "peer.bad-result",
    ],
    "answers an address with far more than a small picture": [
      (job) => answer(job, { images: [{ url: "/large.png", seed: askedIn(job).seed, nsfw: false }] }),
      "peer.bad-result",
    ],
    "answers an address that is not its own": [
      (job) => answer(job, { images: [{ url: "http://127.0.0.1:1/x.png", seed: askedIn(job).seed, nsfw: false }] }),
      "peer.bad-result",
    ],
    "answers an address with nothing at it": [
      (job) => answer(job, { images: [{ url: "/stream/none.png", seed: askedIn(job).seed, nsfw: false }] }),
      "peer.bad-result",
    ],
  };

  test.each(Object.entries(failures))(
    "that %s gets no more work for a time, and another one does the job",
    async (_, [fail, code]) => {
      const { bad, good, to } = await pair();
      bad.files.set("/large.png", Buffer.concat([await picture(), new Uint8Array(2_000_000)]));
      bad.onJob = fail;
      const response = await post(to);
      expect(response.status).toBe(200);
      expect(response.headers.get("x-orchestrator")).toBe(good.uri);
      expect([bad.jobs.length, good.jobs.length]).toEqual([1, 1]);
      expect(good.jobs[0]?.body).toEqual(bad.jobs[0]?.body);
      expect(standings(to).find(({ suspension }) => suspension !== null)?.suspension?.reason).toBe(code);
      expect(stories[0]?.attempts.map(({ outcome }) => outcome)).toEqual([code, "answered"]);
      expect((await post(to)).headers.get("x-orchestrator")).toBe(good.uri);
      expect(bad.jobs).toHaveLength(1);
    },
  );

  test("that accepts and hangs loses the job to another one after its share of the time", async () => {
    const { bad, good, to } = await pair({ deadlines: { "text-to-image": seconds(60) } });
    bad.onJob = () => {};
    const arrival = bad.nextJob();
    const asked = post(to);
    const { response } = await arrival;
    await clock.advance(seconds(30));
    expect((await asked).headers.get("x-orchestrator")).toBe(good.uri);
    await until(() => response.destroyed);
    expect(stories[0]?.attempts[0]).toMatchObject({ outcome: "job.deadline-exceeded", took: 30_000 });
  });

  test("is not given up with a large job because the small ones before it were quick", async () => {
    const { bad: warm, good: other, to } = await pair();
    const taking = (time: number) => async (job: FakeJob) => {
      await clock.advance(ms(time));
      await answerWithPictures(job);
    };
    warm.onJob = taking(500);
    for (let i = 0; i < 3; i += 1) await post(to);
    warm.onJob = taking(30_000);
    const large = { prompt: "x", width: 256, height: 256, num_inference_steps: 50 };
    expect((await post(to, large)).headers.get("x-orchestrator")).toBe(warm.uri);
    expect(other.jobs).toEqual([]);
    for (const { suspension } of standings(to)) expect(suspension).toBeNull();
  });

  test("that hangs with nobody else there ends in the deadline and a suspension", async () => {
    const peer = await orchestrator();
    const to = await gateway([peer], { deadlines: { "text-to-image": seconds(60) } });
    peer.onJob = () => {};
    const arrival = peer.nextJob();
    const asked = post(to);
    await arrival;
    await clock.advance(seconds(60));
    expect((await asked).status).toBe(504);
    expect(standings(to)).toMatchObject([{ state: "suspended", suspension: { reason: "job.deadline-exceeded" } }]);
  });

  test("that is killed in the middle of a job: the job succeeds elsewhere, once", async () => {
    const { bad, good, to } = await pair();
    bad.onJob = () => bad.stop();
    const response = await post(to);
    expect([response.status, good.jobs.length]).toEqual([200, 1]);
  });

  test("that says it is full is not blamed", async () => {
    const { bad, good, to } = await pair();
    const full = new RivuletError("capacity.exhausted", { pipeline: "text-to-image", model: MODEL });
    for (const refusal of [
      (job: FakeJob) => refuse(job, 503, "insufficient capacity"),
      (job: FakeJob) => tell(job, full),
      (job: FakeJob) => tell(job, new RivuletError("node.overloaded", {})),
    ]) {
      bad.onJob = refusal;
      expect((await post(to)).headers.get("x-orchestrator")).toBe(good.uri);
      await clock.advance(seconds(1));
    }
    for (const { suspension } of standings(to)) expect(suspension).toBeNull();
  });

  test("alone, and only breaks the connection once, is tried again with a new session and not blamed", async () => {
    const peer = await orchestrator();
    const to = await gateway([peer]);
    expect((await post(to)).status).toBe(200);
    peer.onJob = ({ response }) => {
      peer.onJob = answerWithPictures;
      response.socket?.destroy();
    };
    expect((await post(to)).status).toBe(200);
    expect([peer.jobs.length, peer.asked]).toEqual([3, 2]);
    expect(stories[1]?.attempts.map(({ outcome }) => outcome)).toEqual(["peer.unreachable", "answered"]);
    expect(standings(to)).toMatchObject([{ suspension: null, state: "free" }]);
  });

  test("alone, and breaks the connection again and again, is tried twice", async () => {
    const peer = await orchestrator();
    const to = await gateway([peer]);
    peer.onJob = ({ response }) => void response.socket?.destroy();
    const response = await post(to);
    expect([response.status, await codeOf(response), peer.jobs.length]).toEqual([502, "peer.unreachable", 2]);
    expect(standings(to)).toMatchObject([{ suspension: { reason: "peer.unreachable", failures: 1 } }]);
  });

  test("with one of its files is asked for no other", async () => {
    const peer = await orchestrator();
    const hanging: ServerResponse[] = [];
    peer.onFile = (response, path) => {
      if (path === "/1.png") hanging.push(response);
      else void until(() => hanging.length > 0).then(() => response.writeHead(404).end());
    };
    peer.onJob = (job) => {
      const { seed } = askedIn(job);
      const images = [0, 1].map((index) => ({ url: `/${index}.png`, seed: seed + index, nsfw: false }));
      answer(job, { images });
    };
    const response = await post(await gateway([peer]), { prompt: "x", num_images_per_prompt: 2 });
    expect(await codeOf(response)).toBe("peer.bad-result");
    await until(() => hanging[0]?.destroyed === true);
  });

  test("alone, its error is what the application sees", async () => {
    const peer = await orchestrator();
    const to = await gateway([peer]);
    peer.onJob = (job) => tell(job, new RivuletError("runner.out-of-memory", {}));
    const first = await post(to);
    expect([first.status, await codeOf(first)]).toEqual([500, "runner.out-of-memory"]);
    const second = await post(to);
    expect([second.status, await codeOf(second), second.headers.get("retry-after")]).toEqual([
      503,
      "network.all-busy",
      "5",
    ]);
  });
});

describe("a session", () => {
  test("whose token is refused is renewed once and the same orchestrator answers, without blame", async () => {
    const peer = await orchestrator();
    const to = await gateway([peer]);
    const tokenOf = (job: FakeJob) =>
      Buffer.from(decodeSegmentCredentials(String(job.headers["livepeer-segment"])).authToken?.token ?? []).toString();
    peer.onJob = (job) =>
      tokenOf(job) === "token 1" ? refuse(job, 403, "invalid auth token") : answerWithPictures(job);
    const response = await post(to);
    expect(response.status).toBe(200);
    expect(peer.jobs.map(tokenOf)).toEqual(["token 1", "token 2"]);
    expect(standings(to)).toMatchObject([{ suspension: null, state: "free" }]);
  });

  test("whose token is refused again and again is the orchestrator's fault in the end", async () => {
    const peer = await orchestrator();
    const to = await gateway([peer]);
    peer.onJob = (job) => tell(job, new RivuletError("credentials.token-expired", {}));
    expect((await post(to)).status).toBe(403);
    expect(peer.jobs).toHaveLength(3);
    expect(standings(to)).toMatchObject([{ suspension: { reason: "credentials.token-expired" } }]);
  });
});

describe("many jobs", () => {
  test("a hundred at once on one slot are answered or refused, and the slot comes back", async () => {
    const peer = await orchestrator();
    let atOnce = 0;
    let most = 0;
    peer.onJob = async (job) => {
      most = Math.max(most, ++atOnce);
      await answerWithPictures(job);
      atOnce -= 1;
    };
    const to = await gateway([peer], { queueLength: 20 });
    const responses = await Promise.all(Array.from({ length: 100 }, () => post(to)));
    const statuses = responses.map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([200, 503]));
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(21);
    expect(most).toBe(1);
    for (const refused of responses.filter(({ status }) => status === 503))
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(standings(to)).toMatchObject([{ state: "free", in_flight: 0 }]);
  });

  test("the warm orchestrator is chosen, and the story says why", async () => {
    const cold = await orchestrator([{ ...picturing, isWarm: false }]);
    const warm = await orchestrator();
    const to = await gateway([cold, warm]);
    expect((await post(to)).headers.get("x-orchestrator")).toBe(warm.uri);
    expect(stories).toMatchObject([
      {
        pipeline: "text-to-image",
        model: MODEL,
        outcome: "answered",
        attempts: [{ orchestrator: warm.uri, why: "warm", isWarm: true }],
      },
    ]);
    expect(new Set(stories[0]?.considered.map(({ orchestrator: uri }) => uri))).toEqual(new Set([cold.uri, warm.uri]));
  });

  test("a caller that goes away ends the work upstream and costs nobody anything", async () => {
    const peer = await orchestrator();
    const to = await gateway([peer]);
    peer.onJob = () => {};
    const arrival = peer.nextJob();
    const caller = new AbortController();
    const asked = post(to, undefined, { signal: caller.signal }).catch((error) => error);
    const { response } = await arrival;
    caller.abort();
    await asked;
    await until(() => response.destroyed && stories.length === 1);
    expect(stories[0]?.outcome).toBe("request.cancelled");
    expect(standings(to)).toMatchObject([{ suspension: null, state: "free" }]);
  });

  test("when asked to, a second attempt starts beside a slow one and the faster answer counts", async () => {
    const slow = await orchestrator();
    const fast = await orchestrator([{ ...picturing, isWarm: false }]);
    const to = await gateway([slow, fast], { hedging: "after-p95" });
    for (let i = 0; i < 20; i += 1) await post(to);
    expect(fast.jobs).toHaveLength(0);
    slow.onJob = () => {};
    const arrival = slow.nextJob();
    const asked = post(to);
    const { response } = await arrival;
    await clock.advance(ms(1));
    expect((await asked).headers.get("x-orchestrator")).toBe(fast.uri);
    await until(() => response.destroyed);
    for (const { suspension } of standings(to)) expect(suspension).toBeNull();
  });
});

describe("a stream", () => {
  const talking: FakeModel = { capability: 33, model: MODEL };
  const ask = { messages: [{ role: "user", content: "hi" }], stream: true };
  const chunk = (content: string, finish: string | null = null) =>
    `data: ${JSON.stringify({ id: "1", model: MODEL, created: 1, choices: [{ index: 0, delta: { role: "assistant", content }, finish_reason: finish }] })}\n\n`;

  test("passes every event on and gives the slot back at its end", async () => {
    const peer = await orchestrator([talking]);
    peer.onJob = ({ response }) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(chunk("he"));
      response.end(chunk("llo", "stop"));
    };
    const to = await gateway([peer]);
    const response = await post(to, ask, {}, "/llm");
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(await response.text()).toBe(`${chunk("he")}${chunk("llo", "stop")}`);
    expect(JSON.parse(peer.jobs[0]?.body.toString() ?? "")).toMatchObject({
      max_tokens: 256,
      stream: true,
      model: MODEL,
    });
    await until(() => standings(to)[0]?.in_flight === 0);
  });

  test("that fails before its first event is tried elsewhere; after it, the failure is told as an event", async () => {
    const [bad, good] = [await orchestrator([talking]), await orchestrator([{ ...talking, isWarm: false }])];
    const to = await gateway([bad, good]);
    bad.onJob = ({ response }) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(": nothing\n\n");
    };
    good.onJob = ({ response }) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(chunk("he"), () => response.destroy());
    };
    const response = await post(to, ask, {}, "/llm");
    expect(response.headers.get("x-orchestrator")).toBe(good.uri);
    const text = await response.text();
    expect(text.startsWith(chunk("he"))).toBe(true);
    expect(text).toContain('event: error\ndata: {"error":{"code":"peer.unreachable"');
    await until(() => standings(to).every(({ in_flight }) => in_flight === 0));
    expect(new Set(standings(to).map(({ suspension }) => suspension?.reason))).toEqual(
      new Set(["peer.protocol", "peer.unreachable"]),
    );
  });

  test("ends upstream when a reader leaves that did not keep up", async () => {
    const peer = await orchestrator([talking]);
    peer.onJob = ({ response }) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (let i = 0; i < 500; i += 1) response.write(chunk("x".repeat(50_000)));
    };
    const to = await gateway([peer]);
    const socket = connect(to.address.port, "127.0.0.1");
    const body = JSON.stringify(ask);
    socket.write(`POST /llm HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    await once(socket, "readable");
    for (let i = 0; i < 2000; i += 1) await turn();
    socket.destroy();
    await until(() => peer.jobs[0]?.response.destroyed === true && standings(to)[0]?.in_flight === 0);
    expect(standings(to)).toMatchObject([{ suspension: null }]);
  });

  test("ends upstream when the reader leaves", async () => {
    const peer = await orchestrator([talking]);
    peer.onJob = ({ response }) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(chunk("he"));
    };
    const to = await gateway([peer]);
    const caller = new AbortController();
    const response = await post(to, ask, { signal: caller.signal }, "/llm");
    await response.body?.getReader().read();
    caller.abort();
    await until(() => peer.jobs[0]?.response.destroyed === true && standings(to)[0]?.in_flight === 0);
    expect(standings(to)).toMatchObject([{ suspension: null }]);
  });
});

describe("who may", () => {
  const authorized = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

  test("with keys only their owners get in, everywhere but where nothing is sold", async () => {
    const directory = await mkdtemp(join(tmpdir(), "rivulet-"));
    started.push({ stop: () => rm(directory, { recursive: true }) });
    const file = join(directory, "keys");
    await writeFile(file, "shop first-key-of-the-shop # comment\n");
    const to = await gateway([await orchestrator()], { auth: { kind: "keys", file } });
    const refused = await post(to);
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    expect((await post(to, undefined, authorized("first-key-of-the-shop"))).status).toBe(200);
    expect((await fetch(`${to.address.url}/network`)).status).toBe(401);
    for (const path of ["/healthz", "/readyz", "/version", "/openapi.json"])
      expect([path, (await fetch(`${to.address.url}${path}`)).status]).toEqual([path, 200]);

    await writeFile(file, "shop second-key-of-the-shop\nfarm third-key-of-the-farm\n");
    await clock.advance(seconds(2));
    for (let status = 0; status !== 200; )
      status = (await post(to, undefined, authorized("third-key-of-the-farm"))).status;
    expect((await post(to, undefined, authorized("first-key-of-the-shop"))).status).toBe(401);
  });

  test("a webhook decides, is asked once for a while, and when it fails nobody is let in", async () => {
    let asked = 0;
    const hook = createServer((request, response) => {
      asked += 1;
      const { authorization } = request.headers;
      response.writeHead(authorization === "Bearer good" ? 200 : authorization === "Bearer odd" ? 500 : 403).end();
    });
    await new Promise<void>((resolve) => hook.listen(0, "127.0.0.1", resolve));
    started.push({
      stop: async () => {
        hook.closeAllConnections();
        hook.close();
      },
    });
    const bound = hook.address();
    const port = typeof bound === "object" && bound !== null ? bound.port : 0;
    const to = await gateway([await orchestrator()], { auth: { kind: "webhook", url: `http://127.0.0.1:${port}/` } });
    expect((await post(to, undefined, authorized("good"))).status).toBe(200);
    expect((await post(to, undefined, authorized("good"))).status).toBe(200);
    expect(asked).toBe(1);
    await clock.advance(minutes(1));
    expect((await post(to, undefined, authorized("good"))).status).toBe(200);
    expect(asked).toBe(2);
    expect((await post(to, undefined, authorized("bad"))).status).toBe(401);
    expect((await post(to, undefined, authorized("odd"))).status).toBe(503);
  });

  test("an address that others reach needs keys, a webhook or the operator's word", () => {
    const at = (host: string, more: Partial<GatewayOptions> = {}) =>
      new Gateway(
        { listen: { host, port: 0 }, orchestrators: { kind: "list", addresses: [] }, ...more },
        { clock, randomness: seededRandomness(1), log: silentLogger },
      );
    expect(() => at("0.0.0.0")).toThrow(expect.objectContaining({ code: "config.invalid" }));
    for (const made of [at("127.0.0.1"), at("::1"), at("0.0.0.0", { allowUnauthenticated: true })]) started.push(made);
  });
});

describe("the gateway itself", () => {
  test("tells of the network", async () => {
    const peer = await orchestrator([picturing, { capability: 33, model: "a/talker", isWarm: false, capacity: 3 }]);
    const to = await gateway([peer]);
    const network = await (await fetch(`${to.address.url}/network`)).json();
    expect(network).toMatchObject({
      orchestrators: [
        {
          uri: peer.uri,
          version: "0.9.1",
          capabilities: ["text-to-image", "llm"],
          models: [
            {
              pipeline: "text-to-image",
              model: MODEL,
              warm: true,
              free: 1,
              price: null,
              suspension: null,
              state: "free",
            },
            { pipeline: "llm", model: "a/talker", warm: false, capacity: 3 },
          ],
        },
      ],
      unused: [],
    });
  });

  test("describes each of the nine batch routes, and where a result comes later", async () => {
    const to = await gateway([]);
    const { paths } = (await (await fetch(`${to.address.url}/openapi.json`)).json()) as { paths: object };
    expect(Object.keys(paths)).toHaveLength(10);
    for (const path of Object.keys(paths)) expect((await post(to, {}, {}, path)).status).toBeGreaterThanOrEqual(400);
  });

  test("cannot start where somebody else listens", async () => {
    const first = await gateway([]);
    const second = new Gateway(
      { listen: { host: "127.0.0.1", port: first.address.port }, orchestrators: { kind: "list", addresses: [] } },
      { clock, randomness: seededRandomness(1), log: silentLogger },
    );
    await expect(second.start()).rejects.toMatchObject({ code: "node.cannot-start" });
    await second.stop();
  });

  test("lets a job end when it stops, and no longer than the grace allows", async () => {
    const peer = await orchestrator();
    peer.onJob = () => {};
    const to = await gateway([peer], { stopGrace: seconds(5) });
    const arrival = peer.nextJob();
    const asked = post(to);
    await arrival;
    const stopped = to.stop();
    await turn();
    await clock.advance(seconds(5));
    const response = await asked;
    expect([response.status, await codeOf(response)]).toEqual([503, "node.stopping"]);
    await stopped;
    await expect(fetch(`http://127.0.0.1:1`)).rejects.toThrow();
  });

  test("does not wait for the rest of a body when it stops", async () => {
    const to = await gateway([]);
    const socket = connect(to.address.port, "127.0.0.1");
    const answered = new Promise<Buffer>((resolve) => socket.once("data", resolve));
    socket.write("POST /text-to-image HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n");
    expect((await answered).toString()).toMatch(/^HTTP\/1\.1 100 /);
    socket.on("error", () => {});
    socket.write("{");
    const stopped = to.stop();
    await turn();
    await clock.advance(seconds(1));
    await stopped;
    socket.destroy();
  });

  test("gives up a reader that takes nothing of its answer", async () => {
    const peer = await orchestrator([{ capability: 36, model: MODEL }]);
    const length = 24_000_000;
    peer.files.set("/stream/1.wav", silence(length));
    peer.onJob = (job) => answer(job, { audio: { url: "/stream/1.wav" } });
    const to = await gateway([peer], { keepResultsFor: minutes(60) });
    const made = await post(to, { text: "x", model_id: MODEL }, {}, "/text-to-speech");
    const { audio } = (await made.json()) as { audio: { url: string } };
    const socket = connect(to.address.port, "127.0.0.1");
    socket.write(`GET ${new URL(audio.url).pathname} HTTP/1.1\r\nhost: x\r\n\r\n`);
    await once(socket, "readable");
    await clock.advance(minutes(5));
    let read = 0;
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      read += chunk.length;
    });
    await once(socket, "close");
    expect(read).toBeLessThan(length);
  });

  test("sends no job to an orchestrator that is older than asked for, and says so", async () => {
    const peer = await orchestrator();
    const to = new Gateway(
      {
        listen: { host: "127.0.0.1", port: 0 },
        orchestrators: { kind: "list", addresses: [peer.uri] },
        leastVersion: "9.0.0",
      },
      { clock, randomness: seededRandomness(1), log: silentLogger },
    );
    await to.start();
    started.push(to);
    await until(() => to.network.unused.length === 1);
    expect(to.network).toMatchObject({ orchestrators: [], unused: [{ uri: peer.uri, reason: "no-work" }] });
  });
});
