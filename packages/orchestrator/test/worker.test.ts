import { connect as connectHttp2 } from "node:http2";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { imageToImage, llm, textToImage } from "@rivulet/pipelines";
import { minutes, modelId, ms, RivuletError, seconds, silentLogger } from "@rivulet/primitives";
import {
  answersWell,
  crashes,
  FakeRunner,
  type FakeRunnerModel,
  Gate,
  hangs,
  refuses,
  seededRandomness,
  tells,
  turn,
} from "@rivulet/testkit";
import {
  AIWorkerService,
  encodeFormData,
  RESULT_CONTENT_TYPES,
  readErrorBody,
  registrationMessage,
  resultHeaders,
  workerJobOf,
} from "@rivulet/wire";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { capabilitiesOfOffers } from "../src/advertise.ts";
import { RunnerHttp } from "../src/executors/runner-http.ts";
import { Worker, type WorkerOptions } from "../src/worker/worker.ts";
import { OrchestratorWorld } from "./orchestrator-world.ts";

const SECRET = "verbigsecret";
const prompt = { prompt: "p", model_id: "m", seed: 3, width: 64, height: 64 };
const models: readonly FakeRunnerModel[] = [
  { pipeline: "text-to-image", model: "m" },
  { pipeline: "image-to-image", model: "m" },
  { pipeline: "llm", model: "m" },
];

/** The cable between a worker and its orchestrator. */
class Cable {
  readonly #sockets = new Set<Socket>();
  readonly #server;
  #isCut = false;
  #bytesLeft = Number.POSITIVE_INFINITY;

  constructor(port: number) {
    this.#server = createServer((near) => {
      if (this.#isCut) return near.destroy();
      const far = connect(port, "127.0.0.1");
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
      }
      near.on("data", (chunk: Buffer) => {
        this.#bytesLeft -= chunk.length;
        if (this.#bytesLeft <= 0) this.cut();
      });
      near.pipe(far).pipe(near);
    });
  }

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Breaks what is on it and lets nothing through any more: so it looks when a worker's process is killed. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Cut after so many more bytes from the worker. */
  cutAfter(bytes: number): void {
    this.#bytesLeft = bytes;
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  mend(): void {
    this.#isCut = false;
    this.#bytesLeft = Number.POSITIVE_INFINITY;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** A worker, its runner, and its cable. */
class WorkerWorld {
  readonly cable: Cable;
  readonly runner: FakeRunner;
  readonly executor: RunnerHttp;
  readonly worker: Worker;

  constructor(orchestrator: string, cable: Cable, runner: FakeRunner, seed: number, options: Partial<WorkerOptions>) {
    this.cable = cable;
    const ports = { clock: world.clock, randomness: seededRandomness(seed), log: silentLogger };
    this.runner = runner;
    this.executor = new RunnerHttp({ url: runner.url, models: [] }, ports);
    this.worker = new Worker({ orchestrator, secret: SECRET, ...options }, { ...ports, executor: this.executor });
  }
}

let world: OrchestratorWorld;
/** What the orchestrator told of its workers. */
let events: string[];
const workers: WorkerWorld[] = [];
beforeEach(async () => {
  events = [];
  const log = { ...silentLogger, info: (event: string) => void events.push(event) };
  world = await OrchestratorWorld.open([], { workerSecret: SECRET, log: { ...log, child: () => log } });
});
afterEach(async () => {
  for (const { worker, executor, runner, cable } of workers.splice(0)) {
    const stopping = worker.stop();
    for (let round = 0; round < 3; round += 1) await world.clock.advance(seconds(40));
    await stopping;
    await executor.stop();
    await runner.stop();
    await cable.close();
  }
  await world[Symbol.asyncDispose]();
});

async function attach(offered = models, options: Partial<WorkerOptions> = {}): Promise<WorkerWorld> {
  const runner = new FakeRunner(offered);
  await runner.start();
  const cable = new Cable(Number(new URL(world.orchestrator.address).port));
  const attached = new WorkerWorld(await cable.open(), cable, runner, workers.length + 10, options);
  workers.push(attached);
  await attached.executor.start();
  const before = await free();
  await attached.worker.start();
  if (options.secret === undefined) while ((await free()) === before) await turn();
  return attached;
}

/** A worker that only reads its stream, as others may be written. */
async function attachByHand() {
  const baseUrl = world.orchestrator.address;
  const sessionManager = new Http2SessionManager(baseUrl, {}, { rejectUnauthorized: false });
  const client = createClient(AIWorkerService, createGrpcTransport({ baseUrl, sessionManager }));
  const offer = { model: modelId("m"), isWarm: true, slots: 1, free: 1, runnerVersion: "" };
  const offers = [textToImage, imageToImage, llm].map((pipeline) => ({ ...offer, pipeline }));
  const capabilities = capabilitiesOfOffers(offers, "slots");
  const jobs = client.registerAIWorker(registrationMessage({ secret: SECRET, capabilities, hardware: [] }));
  const stream = jobs[Symbol.asyncIterator]();
  let first: ReturnType<typeof stream.next> | undefined = stream.next();
  first.catch(() => {});
  while ((await free()) === 0) await turn();
  return {
    next: async () => {
      const { value, done } = await (first ?? stream.next());
      first = undefined;
      if (done === true) throw new Error("the stream has ended");
      return workerJobOf(value);
    },
    [Symbol.asyncDispose]: async () => {
      sessionManager.abort();
      while ((await free()) > 0) await turn();
    },
  };
}

/** Free slots of the picture model, as gateways are told. */
async function free(): Promise<number> {
  return (await world.info()).capabilities?.models.get(27)?.get("m")?.capacity ?? 0;
}

describe("a worker's jobs", () => {
  test("a picture made by a worker is behind the orchestrator's own URL, its times told", async () => {
    await attach();
    const answer = await world.post("/text-to-image", prompt);
    expect(answer.status).toBe(200);
    expect(answer.headers["server-timing"]).toBe("queue;dur=1, load;dur=0, inference;dur=25");
    const [image] = JSON.parse(answer.text).images;
    expect(image.url.startsWith(`${world.orchestrator.serviceUri}/stream/`)).toBe(true);
    expect((await world.get(image.url)).headers["content-type"]).toBe("image/png");
    expect(await free()).toBe(1);
  });

  test("the file of a request is fetched by the worker and gone afterwards", async () => {
    const { runner } = await attach();
    const { body, contentType } = encodeFormData(
      [["image", { bytes: ONE_PIXEL, filename: "a.png" }]],
      [
        ["prompt", "p"],
        ["model_id", "m"],
      ],
    );
    expect((await world.post("/image-to-image", body, { "content-type": contentType })).status).toBe(200);
    expect(runner.jobs[0]?.files.get("image")).toEqual(ONE_PIXEL);
  });

  test("a language model's events come through as they are made, and the slot is free after the last", async () => {
    await attach();
    const body = { messages: [{ role: "user", content: "hello" }], model: "m", stream: true };
    for (let round = 0; round < 3; round += 1) {
      const answer = await world.post("/llm", body);
      expect(answer.text.split("\n\n").filter((event) => event !== "")).toHaveLength(3);
    }
  });

  test("what a worker's runner says about the request is told so that gateways know it", async () => {
    const { runner } = await attach();
    runner.behave(refuses(400, "bad prompt"));
    const answer = await world.post("/text-to-image", prompt);
    expect(answer.status).toBe(500);
    expect(answer.headers["x-rivulet-code"]).toBe("request.rejected-by-model");
    expect(answer.text).toBe("text-to-image container returned 400: bad prompt\n");
    expect(await free()).toBe(1);
  });

  test("what a worker's runner threw is what a gateway of ours is told", async () => {
    const { runner } = await attach();
    for (const error of [
      new RivuletError("request.rejected-by-model", { field: "loras", reason: "none here" }),
      new RivuletError("request.media-undecodable", { field: "audio", reason: "no header" }),
      new RivuletError("request.invalid", { problems: [{ loc: ["body", "prompt"], msg: "too long", type: "x" }] }),
      new RivuletError("model.load-failed", { pipeline: "text-to-image", model: "m", reason: "no config.json" }),
    ]) {
      runner.behave(tells(error));
      const answer = await world.post("/text-to-image", prompt, { "x-rivulet": "1.2.3" });
      const told = readErrorBody(answer.text);
      expect([told?.code, told?.facts, told?.message]).toEqual([error.code, error.facts, error.message]);
    }
  });

  test("a worker whose runner breaks keeps its place", async () => {
    const { runner } = await attach();
    runner.behave(crashes);
    expect((await world.post("/text-to-image", prompt)).headers["x-rivulet-code"]).toBe("runner.crashed");
    runner.behave(answersWell);
    expect((await world.post("/text-to-image", prompt)).status).toBe(200);
  });

  test("jobs are spread over workers by their free slots", async () => {
    const gate = new Gate();
    const first = await attach();
    const second = await attach();
    first.runner.behave(gate.before(answersWell));
    second.runner.behave(gate.before(answersWell));
    const jobs = [world.post("/text-to-image", prompt), world.post("/text-to-image", prompt)];
    await first.runner.arrived(1);
    await second.runner.arrived(1);
    expect((await world.post("/text-to-image", prompt)).text).toBe("insufficient capacity\n");
    gate.open();
    expect((await Promise.all(jobs)).map(({ status }) => status)).toEqual([200, 200]);
    expect(await free()).toBe(2);
  });
});

describe("workers that go away", () => {
  test("the job of a worker that is killed is done by another after five seconds", async () => {
    const first = await attach();
    first.runner.behave(hangs);
    const job = world.post("/text-to-image", prompt);
    await first.runner.arrived(1);
    const second = await attach();
    first.cable.cut();
    while ((await free()) !== 1) await turn();
    await world.clock.advance(seconds(5));
    expect((await job).status).toBe(200);
    expect(second.runner.jobs).toHaveLength(1);
    expect(await free()).toBe(1);
  });

  test("with nobody else the job fails, and gateways go elsewhere", async () => {
    const only = await attach();
    only.runner.behave(hangs);
    const job = world.post("/text-to-image", prompt);
    await only.runner.arrived(1);
    only.cable.cut();
    while ((await free()) !== 0) await turn();
    await world.clock.advance(seconds(5));
    expect(await job).toMatchObject({ status: 500, headers: { "x-rivulet-code": "worker.lost" } });
  });

  test("a worker that never answers is given up after the limit, and its slot comes back", async () => {
    const { runner } = await attach();
    runner.behave(hangs);
    const job = world.post("/text-to-image", prompt);
    await runner.arrived(1);
    await world.clock.advance(minutes(15));
    expect(await job).toMatchObject({ status: 500, headers: { "x-rivulet-code": "job.deadline-exceeded" } });
    runner.behave(answersWell);
    while ((await free()) !== 1) await world.clock.advance(seconds(1));
    expect((await world.post("/text-to-image", prompt)).status).toBe(200);
  });

  test("a job whose caller left keeps its slot until the worker is done with it", async () => {
    const gate = new Gate();
    const { runner, worker } = await attach();
    runner.behave(gate.before(answersWell));
    const controller = new AbortController();
    const job = world.post("/text-to-image", prompt, {}, controller.signal);
    job.catch(() => {});
    await runner.arrived(1);
    controller.abort();
    for (let round = 0; round < 20; round += 1) await turn();
    expect(await free()).toBe(0);
    gate.open();
    while ((await free()) !== 1) await turn();
    while (worker.jobs > 0) await turn();
  });

  test("a worker that stops finishes what it has and takes nothing new", async () => {
    const gate = new Gate();
    const { runner, worker } = await attach();
    runner.behave(gate.before(answersWell));
    const job = world.post("/text-to-image", prompt);
    await runner.arrived(1);
    const stopping = worker.stop();
    while ((await world.info()).capabilities?.models.has(27)) await turn();
    expect((await world.post("/text-to-image", prompt)).status).toBe(503);
    gate.open();
    expect((await job).status).toBe(200);
    await stopping;
  });

  test("the job that a worker gives up because it stops is done by another", async () => {
    const first = await attach();
    first.runner.behave(hangs);
    const job = world.post("/text-to-image", prompt);
    await first.runner.arrived(1);
    const second = await attach();
    const stopping = first.worker.stop();
    while ((await free()) !== 1) await turn();
    await world.clock.advance(seconds(30));
    expect((await job).status).toBe(200);
    expect(second.runner.jobs).toHaveLength(1);
    await stopping;
  });

  test("models that change are told at once, and no job is lost over it", async () => {
    const gate = new Gate();
    const { runner, executor } = await attach();
    runner.behave(gate.before(answersWell));
    const job = world.post("/text-to-image", prompt);
    await runner.arrived(1);
    runner.models = [...models, { pipeline: "text-to-image", model: "another" }];
    await executor.refresh();
    while (!(await world.info()).capabilities?.models.get(27)?.has("another")) await turn();
    expect(await free()).toBe(0);
    gate.open();
    expect((await job).status).toBe(200);
    expect(runner.jobs).toHaveLength(1);
    while ((await free()) !== 1) await turn();
  });

  test("models that change are offered all the while", async () => {
    const { runner, executor } = await attach();
    for (const name of ["a", "b", "c"]) {
      runner.models = [...models, { pipeline: "text-to-image", model: name }];
      await executor.refresh();
      for (const isAway of [true, false]) {
        while ((events.at(-1) === "worker detached") !== isAway) await turn();
        expect((await world.info()).capabilities?.models.get(27)?.has("m")).toBe(true);
      }
    }
  });

  test("a worker comes back to an orchestrator that starts anew", async () => {
    await attach();
    const { port } = new URL(world.orchestrator.address);
    const old = world;
    await old.orchestrator.stop();
    world = await OrchestratorWorld.open([], {
      workerSecret: SECRET,
      listen: { host: "127.0.0.1", port: Number(port) },
      clock: old.clock,
    });
    while ((await free()) !== 1) await world.clock.advance(seconds(1));
    expect((await world.post("/text-to-image", prompt)).status).toBe(200);
    await old[Symbol.asyncDispose]();
  });
});

describe("a cable that breaks", () => {
  /** Moves time until the worker is back with its slot. */
  const restored = async (only: WorkerWorld) => {
    while (only.worker.jobs > 0 || (await free()) !== 1) await world.clock.advance(seconds(1));
    expect(JSON.parse((await world.ask("/readyz")).text).jobs).toBe(0);
  };

  test("while a job runs: the worker comes back with it, and it is done once", async () => {
    const gate = new Gate();
    const only = await attach();
    only.runner.behave(gate.before(answersWell));
    const job = world.post("/text-to-image", prompt);
    await only.runner.arrived(1);
    only.cable.cut();
    while (events.at(-1) !== "worker detached") await turn();
    only.cable.mend();
    while (events.at(-1) !== "worker attached") await world.clock.advance(ms(100));
    gate.open();
    expect((await job).status).toBe(200);
    expect(only.runner.jobs).toHaveLength(1);
    await restored(only);
  });

  test("before a result is posted: the worker is told of the job again", async () => {
    const gate = new Gate();
    const only = await attach();
    only.runner.behave(gate.before(answersWell));
    const job = world.post("/text-to-image", prompt);
    await only.runner.arrived(1);
    only.cable.cut();
    gate.open();
    while (only.worker.jobs > 0) await turn();
    only.cable.mend();
    while (only.runner.jobs.length < 2) await world.clock.advance(ms(100));
    expect((await job).status).toBe(200);
    await restored(only);
  });

  test.each([1, 300, 600, 900, 1200, 1500])(
    "%i bytes into a result: the job ends once and the slot comes back",
    async (bytes) => {
      const gate = new Gate();
      const only = await attach();
      only.runner.behave(gate.before(answersWell));
      let ended = 0;
      const job = world.post("/text-to-image", prompt).then((answer) => {
        ended += 1;
        return answer;
      });
      await only.runner.arrived(1);
      only.cable.cutAfter(bytes);
      gate.open();
      while (only.worker.jobs > 0 && !only.cable.isCut) await turn();
      only.cable.mend();
      await restored(only);
      expect([200, 500]).toContain((await job).status);
      expect(ended).toBe(1);
      expect((await world.post("/text-to-image", prompt)).status).toBe(200);
    },
  );

  test("before events are posted: the runner learns that nobody reads them", async () => {
    const gate = new Gate();
    const only = await attach();
    only.runner.behave(gate.before(answersWell));
    const job = world.post("/llm", { messages: [{ role: "user", content: "hello" }], model: "m", stream: true });
    await only.runner.arrived(1);
    only.cable.cut();
    gate.open();
    while (only.worker.jobs > 0) await turn();
    only.cable.mend();
    while (only.runner.jobs.length < 2) await world.clock.advance(ms(100));
    expect((await job).status).toBe(200);
    await restored(only);
  });
});

describe("numbers of jobs", () => {
  test("an orchestrator that starts anew gives out others", async () => {
    const number = async () => {
      await using worker = await attachByHand();
      const job = world.post("/text-to-image", prompt);
      const { taskId } = await worker.next();
      const head = { ...resultHeaders(SECRET, taskId, "text-to-image"), "content-type": RESULT_CONTENT_TYPES.error };
      await world.ask("/aiResults", { method: "POST", headers: head, body: "x" });
      await job;
      return taskId;
    };
    const first = await number();
    await world[Symbol.asyncDispose]();
    world = await OrchestratorWorld.open([], { workerSecret: SECRET, seed: 8 });
    expect(await number()).not.toBe(first);
  });
});

describe("a worker of the network", () => {
  test("a long error text is cut, and what it says about the request is known", async () => {
    await using worker = await attachByHand();
    const job = world.post("/text-to-image", prompt);
    const { taskId } = await worker.next();
    const headers = { ...resultHeaders(SECRET, taskId, "text-to-image"), "content-type": RESULT_CONTENT_TYPES.error };
    const body = `text-to-image container returned 400: ${"bad prompt ".repeat(10_000)}`;
    expect((await world.ask("/aiResults", { method: "POST", headers, body })).status).toBe(200);
    expect((await job).headers["x-rivulet-code"]).toBe("request.rejected-by-model");
  });

  test("events that nobody waits for any more are broken off, over HTTP/2 too", async () => {
    await using worker = await attachByHand();
    const caller = new AbortController();
    const body = { messages: [{ role: "user", content: "hello" }], model: "m", stream: true };
    const job = world.post("/llm", body, {}, caller.signal).catch(() => {});
    const { taskId } = await worker.next();
    const session = connectHttp2(world.orchestrator.address, { rejectUnauthorized: false });
    const head = { ...resultHeaders(SECRET, taskId, "llm"), "content-type": RESULT_CONTENT_TYPES.events };
    const stream = session.request({ ":method": "POST", ":path": "/aiResults", ...head });
    stream.on("error", () => {});
    const closed = new Promise((resolve) => stream.once("close", resolve));
    stream.resume();
    stream.write('data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"h"}}]}\n\n');
    while (JSON.parse((await world.ask("/readyz")).text).jobs === 0) await turn();
    caller.abort();
    await job;
    await closed;
    session.destroy();
  });

  test("a file for it is of no type of its sender's choice", async () => {
    await using worker = await attachByHand();
    const form = [
      '--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\nContent-Type: text/html\r\n\r\n',
      ONE_PIXEL,
      '\r\n--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\np',
      '\r\n--b\r\nContent-Disposition: form-data; name="model_id"\r\n\r\nm\r\n--b--\r\n',
    ];
    const body = Buffer.concat(form.map((piece) => Buffer.from(piece)));
    const caller = new AbortController();
    const headers = { "content-type": "multipart/form-data; boundary=b" };
    world.post("/image-to-image", body, headers, caller.signal).catch(() => {});
    const { requestData } = await worker.next();
    const file = await world.get(JSON.parse(Buffer.from(requestData).toString()).input_url);
    expect([file.status, file.headers["content-type"], file.headers["x-content-type-options"]]).toEqual([
      200,
      "application/octet-stream",
      "nosniff",
    ]);
    caller.abort();
  });
});

describe("the secret", () => {
  test("a worker with the wrong one is refused and gives up", async () => {
    const { worker } = await attach(models, { secret: "wrong" });
    expect((await worker.gaveUp).code).toBe("worker.secret-rejected");
    expect(await free()).toBe(0);
  });

  const posted = async (headers: Readonly<Record<string, string>>, body = "text") => {
    const answer = await world.ask("/aiResults", { method: "POST", headers, body });
    return [answer.status, answer.headers["x-rivulet-code"]];
  };
  const error = { "content-type": RESULT_CONTENT_TYPES.error };

  test("a result with the wrong one is refused, and the job goes on", async () => {
    const gate = new Gate();
    const { runner } = await attach();
    runner.behave(gate.before(answersWell));
    const job = world.post("/text-to-image", prompt);
    await runner.arrived(1);
    expect(await posted({ ...resultHeaders("wrong", 0n, "text-to-image"), ...error })).toEqual([
      401,
      "worker.secret-rejected",
    ]);
    gate.open();
    expect((await job).status).toBe(200);
  });

  test.each([
    ["without the marker", { ...resultHeaders(SECRET, 0n, "llm"), ...error, authorization: "x" }, 401],
    ["of an unknown task", { ...resultHeaders(SECRET, 0n, "llm"), ...error }, 404],
    ["whose task is no number", { ...resultHeaders(SECRET, 0n, "llm"), ...error, taskid: "x" }, 400],
    ["of an unknown type", { ...resultHeaders(SECRET, 0n, "llm"), "content-type": "text/plain" }, 415],
  ])("a result %s is refused", async (_what, headers, status) => {
    expect((await posted(headers))[0]).toBe(status);
  });

  test("a result that cannot be read is refused and fails its job, and a second one comes too late", async () => {
    await using worker = await attachByHand();
    const job = world.post("/text-to-image", prompt);
    const { taskId } = await worker.next();
    const head = resultHeaders(SECRET, taskId, "text-to-image");
    const type = { "content-type": "multipart/mixed; boundary=b" };
    expect((await posted({ ...head, ...type }, "--b\r\n\r\nhalf"))[0]).toBe(400);
    expect((await job).headers["x-rivulet-code"]).toBe("worker.job-failed");
    expect((await posted({ ...head, ...error }))[0]).toBe(404);
  });
});

const ONE_PIXEL = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
